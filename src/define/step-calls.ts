import { createHash } from 'node:crypto';
import { eventNameSchema } from '../contract/steps.ts';
import { messageOf } from '../shared/failure.ts';
import { NonRetryableError } from './errors.ts';
import { isJobDefinition, type JobDefinition } from './job.ts';
import type { EventOptions, Step, StepManyOptions } from './pipeline.ts';

export type StepKind = 'job' | 'all' | 'sleep' | 'event';

/** What a run calls, before it is known whether the record has it. */
export interface CallRequest {
  key: string;
  kind: StepKind;
  /** The type of the jobs, or the name of the event. */
  name: string;
  inputHash: string;
  /** For a pause and for an event: how long; null for ever. */
  waitMs: number | null;
  job: JobDefinition<never, unknown> | undefined;
  /** One for each job. */
  inputs: readonly unknown[];
  options: StepManyOptions;
}

/** The most jobs that one call of `step.all` or `step.map` can start. */
export const MAX_ITEMS = 10_000;
/** Ten years. */
const MAX_WAIT_MS = 10 * 366 * 24 * 3_600_000;
const KEY = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

type AnyJob = JobDefinition<never, unknown>;

/**
 * Makes the `step` of one run. Calls get their keys in the order in which they are made.
 * @param call what becomes of a call
 */
export function createStep(call: (request: CallRequest) => Promise<unknown>): Step {
  const used = new Set<string>();
  const counts = new Map<string, number>();

  function nameCall(name: string, key: string | undefined): string {
    const count = (counts.get(name) ?? 0) + 1;
    if (key === undefined) counts.set(name, count);
    const chosen = key ?? `${name}#${count}`;
    checkKey(chosen, used);
    used.add(chosen);
    return chosen;
  }

  async function callOne(job: AnyJob, input: unknown, options: StepManyOptions = {}): Promise<unknown> {
    requireJob(job);
    const key = nameCall(job.type, options.key);
    const inputHash = hashInputs(key, 'job', job.type, [input]);
    return call({ key, kind: 'job', name: job.type, inputHash, waitMs: null, job, inputs: [input], options });
  }

  async function callAll(job: AnyJob, inputs: readonly unknown[], options: StepManyOptions = {}): Promise<unknown> {
    requireJob(job);
    const key = nameCall(job.type, options.key);
    checkItems(key, inputs);
    if (inputs.length === 0) return [];
    const inputHash = hashInputs(key, 'all', job.type, inputs);
    return call({ key, kind: 'all', name: job.type, inputHash, waitMs: null, job, inputs, options });
  }

  async function map(
    job: AnyJob,
    items: readonly unknown[],
    toInput: (item: unknown, index: number) => unknown,
    options?: StepManyOptions,
  ): Promise<unknown> {
    if (!Array.isArray(items)) return callAll(job, items, options); // which refuses it
    return callAll(
      job,
      items.map((item, index) => toInput(item, index)),
      options,
    );
  }

  async function wait(kind: 'sleep' | 'event', name: string, waitMs: number | null, key?: string): Promise<unknown> {
    const chosen = nameCall(name, key);
    const inputHash = hashCall(kind, name, []); // not how long: that may follow from the time of the first run
    return call({ key: chosen, kind, name, inputHash, waitMs, job: undefined, inputs: [], options: {} });
  }

  async function sleep(ms: number, { key }: { key?: string } = {}): Promise<void> {
    requireWait('step.sleep', ms);
    await wait('sleep', 'sleep', Math.ceil(ms), key);
  }

  async function waitForEvent(name: string, { timeoutMs, key }: EventOptions = {}): Promise<unknown> {
    const checked = eventNameSchema.safeParse(name);
    if (!checked.success) {
      throw new NonRetryableError(
        `step.waitForEvent: the name ${checked.error.issues[0]?.message ?? 'is not allowed'}`,
      );
    }
    if (timeoutMs !== undefined) requireWait('step.waitForEvent: timeoutMs', timeoutMs);
    return wait('event', name, timeoutMs === undefined ? null : Math.ceil(timeoutMs), key);
  }

  const others = { all: quiet(callAll), map: quiet(map), sleep: quiet(sleep) };
  return Object.assign(quiet(callOne), others, { waitForEvent: quiet(waitForEvent) }) as unknown as Step;
}

/** What a step that nobody waits for comes to must not be taken for a stray fault of the program. */
function quiet<Args extends unknown[]>(call: (...args: Args) => Promise<unknown>) {
  return (...args: Args): Promise<unknown> => {
    const promise = call(...args);
    promise.catch(() => undefined); // whoever awaits it still gets the error
    return promise;
  };
}

function requireJob(job: unknown): void {
  if (isJobDefinition(job)) return;
  throw new NonRetryableError('step takes a job that defineJob or definePipeline made');
}

function requireWait(what: string, ms: unknown): void {
  if (typeof ms === 'number' && ms >= 0 && ms <= MAX_WAIT_MS) return;
  throw new NonRetryableError(`${what} takes milliseconds from 0 to ${MAX_WAIT_MS}, not ${String(ms)}`);
}

/** @throws NonRetryableError */
function checkKey(key: unknown, used: ReadonlySet<string>): asserts key is string {
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new NonRetryableError(`a step's key must be 1 to 200 characters of text, not ${JSON.stringify(key)}`);
  }
  if (used.has(key))
    throw new NonRetryableError(`the step key "${key}" is used twice; give each call a key of its own`);
}

/** @throws NonRetryableError */
function checkItems(key: string, items: unknown): asserts items is readonly unknown[] {
  if (!Array.isArray(items)) throw new NonRetryableError(`step "${key}": the items must be an array`);
  if (items.length > MAX_ITEMS) {
    const advice = 'give each job several of them, or call it several times';
    throw new NonRetryableError(`step "${key}": ${items.length} items; at most ${MAX_ITEMS} are allowed: ${advice}`);
  }
}

/**
 * Stands for everything that a step must be called with again. Not its options: whoever changes how often a step is tried
 * wants that for the pipelines that run, too.
 */
function hashCall(kind: string, name: string, inputs: readonly unknown[]): string {
  return createHash('sha256')
    .update(canonicalJson([kind, name, inputs]))
    .digest('base64url')
    .slice(0, 22);
}

/** @throws NonRetryableError for what is no JSON */
function hashInputs(key: string, kind: StepKind, name: string, inputs: readonly unknown[]): string {
  try {
    return hashCall(kind, name, inputs);
  } catch (cause) {
    throw new NonRetryableError(`step "${key}": the input is not JSON: ${messageOf(cause)}`, { cause });
  }
}

// The record gives keys back in an order of its own.
function canonicalJson(value: unknown): string {
  return (
    JSON.stringify(value, (_key, item: unknown) =>
      item !== null && typeof item === 'object' && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
        : item,
    ) ?? 'null'
  );
}
