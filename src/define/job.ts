import type { z } from 'zod';
import { typeNameSchema } from '../contract/enqueue.ts';
import { type Backoff, DEFAULT_BACKOFF } from '../shared/backoff.ts';
import { AppError } from '../shared/errors.ts';
import type { CheckInput } from './check-input.ts';
import type { JobContext } from './context.ts';
import { findIsolationFault, type Isolation, loadHandler } from './isolation.ts';
import { checkQueueOptions, type QueueDefinition, type QueueOptions, type RateLimit } from './queue.ts';
import { type DefinedSchedule, readSchedules, type ScheduleDefinition } from './schedule.ts';

/** Returns the wait in milliseconds before the next attempt; `attempt` is the one that failed, from 1. */
export type BackoffFunction = (attempt: number, error: unknown) => number;

export interface JobOptions<In extends z.ZodType, Out extends z.ZodType, Type extends string = string> {
  /** The job's identity for ever, e.g. `email:send`. */
  type: Type;
  description?: string;
  /** A zod schema: checked when the job is enqueued and again before it runs. */
  input: In;
  /**
   * What the schema cannot tell, e.g. whether there is what the input names. Gets what the schema made, and what the
   * program knows; returns a fault for each thing that is wrong. Called after the schema wherever an input is checked:
   * before a job is accepted (else 422), and before each run (else `invalid_input`). Must be quick, and depend on its
   * arguments alone; what it throws is answered with 500, or fails the attempt.
   *
   * @example
   * checkInput: ({ from, to }) => (from < to ? [] : [{ path: 'to', message: 'must be after from' }])
   */
  checkInput?: CheckInput<z.output<In>>;
  /** A zod schema of what `run` returns; without it anything that is JSON is allowed. */
  output?: Out;
  /** A name or `defineQueue(...)`; default: the type up to its first `:`. */
  queue?: string | QueueDefinition;
  /** Attempts in all, 1–100; default 3. */
  attempts?: number;
  /** Default: exponential from 1 s, with jitter. */
  backoff?: Backoff | BackoffFunction;
  /** The longest that an attempt may take; default 60,000. */
  timeoutMs?: number;
  /** Sets the concurrency of the job's queue; see {@link QueueOptions}. */
  concurrency?: number;
  /** Sets the rate limit of the job's queue; see {@link QueueOptions}. */
  rateLimit?: RateLimit;
  /** Sets how many jobs of one `concurrencyKey` run at once in the job's queue; see {@link QueueOptions}. */
  concurrencyPerKey?: number;
  /** Sets how many jobs of one `concurrencyKey` start within a time; see {@link QueueOptions}. */
  rateLimitPerKey?: RateLimit;
  /** Inputs that show what callers can do; for the docs and `GET /v1/types`. */
  examples?: readonly JobExample<z.input<In>>[];
  /** What may go wrong; for the docs and `GET /v1/types`. */
  failures?: readonly JobFailure[];
  /** What the outside sees when the same job runs twice; for the docs and `GET /v1/types`. */
  repeats?: string;
  /**
   * Where the handler runs: beside the others (`none`, the default), in a thread of its own for what keeps a processor
   * busy, or in a child process for native code that may crash. `thread` and `process` need `handlerFile`.
   */
  isolation?: Isolation;
  /**
   * `new URL('./resize.handler.ts', import.meta.url)`: a module that exports the handler as `run`. Takes the place of `run`.
   * In JOBS_DIR only threads and child processes load what is named so. After a build `.ts` stands for `.js`.
   */
  handlerFile?: URL;
  /** When the job is enqueued by itself; each start of the program brings its schedules in line with this. */
  schedule?: ScheduleDefinition<z.input<In>> | readonly ScheduleDefinition<z.input<In>>[];
  run?: Handler<In, Out>;
}

export type Handler<In extends z.ZodType, Out extends z.ZodType> = (
  input: z.output<In>,
  ctx: JobContext,
) => Promise<z.input<Out>> | z.input<Out>;

export interface JobExample<Input = unknown> {
  title: string;
  input: Input;
}

export interface JobFailure {
  /** E.g. `the server answers 5xx`. */
  when: string;
  /** What follows: another attempt after the backoff, or the end of the job. */
  effect: 'retry' | 'fail';
}

/** A job as the program knows it. `Input` is what a caller sends, `Output` what the record keeps. */
export interface JobDefinition<Input = unknown, Output = unknown, Type extends string = string> {
  readonly kind: 'longshore.job';
  /** As it was written, so that callers are told which types there are. */
  readonly type: Type;
  readonly description: string;
  readonly inputSchema: z.ZodType<unknown, Input>;
  /** What else is asked of what `inputSchema` returned. Call `parseInput`, which does both. */
  readonly checkInput: CheckInput | undefined;
  readonly outputSchema: z.ZodType<Output> | undefined;
  readonly queue: QueueOptions;
  readonly attempts: number;
  readonly backoff: Backoff | BackoffFunction;
  readonly timeoutMs: number;
  /** Whether it calls other jobs as steps: then its context is that of a pipeline. */
  readonly isPipeline: boolean;
  readonly isolation: Isolation;
  /** The URL of the module that exports the handler, for one that runs in isolation. */
  readonly handlerFile: string | undefined;
  readonly examples: readonly JobExample[];
  readonly failures: readonly JobFailure[];
  readonly repeats: string;
  readonly schedules: readonly DefinedSchedule[];
  /** `input` is what `inputSchema` returned. */
  run(input: unknown, ctx: JobContext): Promise<unknown>;
}

export const DEFAULT_ATTEMPTS = 3;
export const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Defines a job.
 * @throws INVALID_DEFINITION for a type, number or schema that is not allowed
 */
export function defineJob<
  In extends z.ZodType,
  Out extends z.ZodType = z.ZodUnknown,
  const Type extends string = string,
>(options: JobOptions<In, Out, Type>): JobDefinition<z.input<In>, z.output<Out>, Type> {
  const owner = `job "${options.type}"`;
  const type = typeNameSchema.safeParse(options.type);
  if (!type.success) throw invalid(owner, `type ${type.error.issues[0]?.message}`);
  if (!isSchema(options.input)) throw invalid(owner, 'input must be a zod schema');
  if (options.output !== undefined && !isSchema(options.output)) throw invalid(owner, 'output must be a zod schema');
  const { checkInput, isolation = 'none', handlerFile } = options;
  if (checkInput !== undefined && typeof checkInput !== 'function')
    throw invalid(owner, 'checkInput must be a function');
  const misplaced = findIsolationFault(isolation, handlerFile);
  if (misplaced) throw invalid(owner, misplaced);
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > 100) {
    throw invalid(owner, `attempts is ${attempts}; a whole number from 1 to 100 is allowed`);
  }
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 604_800_000) {
    throw invalid(owner, `timeoutMs is ${timeoutMs}; a whole number from 1 to 604800000 (7 days) is allowed`);
  }
  const queue = resolveQueue(options);
  checkQueueOptions(queue, owner);
  const scheduled = readSchedules(options.type, options.schedule);
  if (!scheduled.ok) throw invalid(owner, scheduled.fault);

  return {
    kind: 'longshore.job',
    type: options.type,
    description: options.description ?? '',
    inputSchema: options.input as unknown as z.ZodType<unknown, z.input<In>>,
    checkInput: checkInput as CheckInput | undefined,
    outputSchema: options.output as unknown as z.ZodType<z.output<Out>> | undefined,
    queue,
    attempts,
    backoff: options.backoff ?? DEFAULT_BACKOFF,
    timeoutMs,
    isPipeline: false,
    isolation,
    handlerFile: handlerFile?.href,
    examples: options.examples ?? [],
    failures: options.failures ?? [],
    repeats: options.repeats ?? '',
    schedules: scheduled.schedules,
    run: chooseRun(owner, options),
  };
}

/** Where the handler has a file of its own, it is loaded with the first run: most processes never need it. */
function chooseRun<In extends z.ZodType, Out extends z.ZodType>(
  owner: string,
  { run, handlerFile }: Pick<JobOptions<In, Out>, 'run' | 'handlerFile'>,
): JobDefinition['run'] {
  if (handlerFile === undefined) {
    if (typeof run !== 'function') throw invalid(owner, 'run must be a function');
    return async (input, ctx) => run(input as z.output<In>, ctx);
  }
  if (run !== undefined) throw invalid(owner, 'takes run or handlerFile, not both');
  return async (input, ctx) => (await loadHandler(handlerFile.href))(input, ctx);
}

export function isJobDefinition(value: unknown): value is JobDefinition {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'longshore.job';
}

function resolveQueue(
  options: Pick<JobOptions<z.ZodType, z.ZodType>, 'type' | 'queue' | (typeof QUEUE_SETTINGS)[number]>,
): QueueOptions {
  const named = typeof options.queue === 'object' ? options.queue : undefined;
  const name = named?.name ?? (options.queue as string | undefined) ?? (options.type.split(':')[0] as string);
  const queue: QueueOptions = { name, ...(named?.transport === undefined ? {} : { transport: named.transport }) };
  for (const setting of QUEUE_SETTINGS) {
    const wanted = options[setting] ?? named?.[setting];
    if (wanted !== undefined) Object.assign(queue, { [setting]: wanted });
  }
  return queue;
}

/** What a job may say of its queue. */
const QUEUE_SETTINGS = ['concurrency', 'rateLimit', 'concurrencyPerKey', 'rateLimitPerKey'] as const;

// By shape rather than instanceof: a job file may bring its own copy of zod 4.
function isSchema(value: unknown): value is z.ZodType {
  return (
    typeof value === 'object' && value !== null && typeof (value as { safeParse?: unknown }).safeParse === 'function'
  );
}

function invalid(owner: string, fault: string): AppError {
  return new AppError('INVALID_DEFINITION', `${owner}: ${fault}`);
}
