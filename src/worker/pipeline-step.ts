import { eventNameSchema } from '../contract/steps.ts';
import { NonRetryableError } from '../define/errors.ts';
import type { JobDefinition } from '../define/job.ts';
import type { EventOptions, Step, StepManyOptions } from '../define/pipeline.ts';
import { type CallRequest, checkItems, checkKey, hashCall } from './pipeline-call.ts';

const MAX_WAIT_MS = 10 * 366 * 24 * 3_600_000;

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
    const inputHash = hashCall('job', job.type, [input]);
    return call({ key, kind: 'job', name: job.type, inputHash, wakeMs: null, job, inputs: [input], options });
  }

  async function callAll(job: AnyJob, inputs: readonly unknown[], options: StepManyOptions = {}): Promise<unknown> {
    requireJob(job);
    const key = nameCall(job.type, options.key);
    checkItems(key, inputs);
    if (inputs.length === 0) return [];
    const inputHash = hashCall('all', job.type, inputs);
    return call({ key, kind: 'all', name: job.type, inputHash, wakeMs: null, job, inputs, options });
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

  async function wait(kind: 'sleep' | 'event', name: string, wakeMs: number | null, key?: string): Promise<unknown> {
    const chosen = nameCall(name, key);
    const inputHash = hashCall(kind, name, []); // not how long: that may follow from the time of the first run
    return call({ key: chosen, kind, name, inputHash, wakeMs, job: undefined, inputs: [], options: {} });
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

  return Object.assign(callOne, { all: callAll, map, sleep, waitForEvent }) as unknown as Step;
}

function requireJob(job: unknown): void {
  if ((job as { kind?: unknown } | undefined)?.kind === 'longshore.job') return;
  throw new NonRetryableError('step takes a job that defineJob or definePipeline made');
}

function requireWait(what: string, ms: unknown): void {
  if (typeof ms === 'number' && ms >= 0 && ms <= MAX_WAIT_MS) return;
  throw new NonRetryableError(`${what} takes milliseconds from 0 to ${MAX_WAIT_MS}, not ${String(ms)}`);
}
