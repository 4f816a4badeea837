import type { z } from 'zod';
import type { Backoff } from '../shared/backoff.ts';
import type { JobContext } from './context.ts';
import { defineJob, type JobDefinition, type JobOptions } from './job.ts';

export interface StepOptions {
  /** Names the step within its pipeline, for ever. Default: what is called and how often, e.g. `video:image#1`. */
  key?: string;
  /** Attempts in all, 1–100; default: those of the job. */
  attempts?: number;
  backoff?: Backoff;
  /** The longest that an attempt may take; default: that of the job. */
  timeoutMs?: number;
  /** Default: the queue of the job. */
  queue?: string;
  /** −100 to 100; default: that of the pipeline. */
  priority?: number;
  /** Jobs of one key in a queue wait for each other, whoever calls them. */
  concurrencyKey?: string;
  /** What a job that ends in anything but `completed` does: `fail` (default) throws, `continue` gives `undefined`. */
  onFailure?: 'fail' | 'continue';
}

export interface StepManyOptions extends StepOptions {
  /** How many of the jobs are started at once; default: all. The others wait for their turn. */
  concurrency?: number;
}

/** Options with which a job that did not complete throws, so that what is returned is always its output. */
type Strict<Options extends StepOptions> = Options & { onFailure?: 'fail' };

/**
 * Calls jobs as steps of a pipeline. What a call returns is kept: when the pipeline runs again, it is read from the
 * record. While it waits for steps, a pipeline holds no slot of a worker.
 */
export interface Step {
  /**
   * Runs a job and waits until it has finished.
   * @returns its output; undefined with `onFailure: 'continue'` when it did not complete
   * @throws {@link StepError} when the job did not complete; NonRetryableError for an input that the job does not take
   */
  <Input, Output>(job: JobDefinition<Input, Output>, input: Input, options?: Strict<StepOptions>): Promise<Output>;
  <Input, Output>(job: JobDefinition<Input, Output>, input: Input, options: StepOptions): Promise<Output | undefined>;

  /**
   * Runs a job once for each input, at most 10,000, and waits for all of them.
   * @returns their outputs, in the order of the inputs
   * @throws {@link StepError} of the first that did not complete
   */
  all<Input, Output>(
    job: JobDefinition<Input, Output>,
    inputs: readonly Input[],
    options?: Strict<StepManyOptions>,
  ): Promise<Output[]>;
  all<Input, Output>(
    job: JobDefinition<Input, Output>,
    inputs: readonly Input[],
    options: StepManyOptions,
  ): Promise<(Output | undefined)[]>;

  /** The same as `all`, with a function that makes the input of each item. */
  map<Item, Input, Output>(
    job: JobDefinition<Input, Output>,
    items: readonly Item[],
    toInput: (item: Item, index: number) => Input,
    options?: Strict<StepManyOptions>,
  ): Promise<Output[]>;
  map<Item, Input, Output>(
    job: JobDefinition<Input, Output>,
    items: readonly Item[],
    toInput: (item: Item, index: number) => Input,
    options: StepManyOptions,
  ): Promise<(Output | undefined)[]>;

  /**
   * Waits without holding a slot, also across restarts.
   * @param ms 0 to 316,224,000,000 (ten years)
   */
  sleep(ms: number, options?: { key?: string }): Promise<void>;

  /**
   * Waits for `POST /v1/jobs/{id}/events/{name}` with the pipeline's id. One that came before is taken at once; each is
   * taken once, in the order of their arrival.
   * @returns the body of that call; null when `timeoutMs` passed before
   */
  waitForEvent<Payload = unknown>(name: string, options?: EventOptions): Promise<Payload | null>;
}

export interface EventOptions {
  key?: string;
  /** Default: waits for ever. */
  timeoutMs?: number;
}

/** What the `run` of a pipeline gets beside its input. */
export interface PipelineContext extends Pick<JobContext, 'signal' | 'attempt' | 'job' | 'log' | 'services' | 'files'> {
  readonly step: Step;
}

export interface PipelineOptions<In extends z.ZodType, Out extends z.ZodType, Type extends string = string>
  extends Omit<JobOptions<In, Out, Type>, 'run' | 'isolation' | 'handlerFile'> {
  /**
   * Calls the steps. It runs again from its start whenever it goes on, so code between two steps may run more than once,
   * and must come to the same calls for the same input and the same results.
   */
  run: (input: z.output<In>, ctx: PipelineContext) => Promise<z.input<Out>> | z.input<Out>;
}

/** The context that a worker gives to pipelines. */
export interface PipelineJobContext extends JobContext {
  readonly step: Step;
}

/**
 * Defines a job that calls other jobs as its steps. `attempts` and `timeoutMs` are about the code between steps: a step
 * has its own, and waiting for it does not count.
 * @throws INVALID_DEFINITION for a type, number or schema that is not allowed
 */
export function definePipeline<
  In extends z.ZodType,
  Out extends z.ZodType = z.ZodUnknown,
  const Type extends string = string,
>(options: PipelineOptions<In, Out, Type>): JobDefinition<z.input<In>, z.output<Out>, Type> {
  // A function that is missing is told of by defineJob.
  const run = options.run && ((input: z.output<In>, ctx: JobContext) => options.run(input, ctx as PipelineJobContext));
  return { ...defineJob({ ...options, run }), isPipeline: true };
}
