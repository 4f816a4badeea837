import { createHash } from 'node:crypto';
import { enqueueSchema } from '../contract/enqueue.ts';
import { MAX_DEPTH } from '../contract/steps.ts';
import { NonRetryableError } from '../define/errors.ts';
import type { JobDefinition } from '../define/job.ts';
import type { StepManyOptions } from '../define/pipeline.ts';
import { toFaults } from '../define/registry.ts';
import { prepareJob } from '../engine/check-request.ts';
import type { Engine } from '../engine/engine.ts';
import type { PreparedJob } from '../engine/record-jobs.ts';
import { type FieldError, isAppError } from '../shared/errors.ts';
import { createId } from '../shared/ids.ts';
import type { JobRow } from '../store/job-row.ts';
import type { NewStep } from '../store/pipelines.ts';

/** What a run calls, before it is known whether the record has it. */
export interface CallRequest extends Pick<NewStep, 'key' | 'kind' | 'name' | 'inputHash' | 'wakeMs'> {
  job: JobDefinition<never, unknown> | undefined;
  /** One for each job. */
  inputs: readonly unknown[];
  options: StepManyOptions;
}

/** The most jobs that one call of `step.all` or `step.map` can start. */
const MAX_ITEMS = 10_000;
const MAX_CONCURRENCY = 10_000;
const KEY = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/** @throws NonRetryableError */
export function checkKey(key: unknown, used: ReadonlySet<string>): asserts key is string {
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new NonRetryableError(`a step's key must be 1 to 200 characters of text, not ${JSON.stringify(key)}`);
  }
  if (used.has(key))
    throw new NonRetryableError(`the step key "${key}" is used twice; give each call a key of its own`);
}

/** @throws NonRetryableError */
export function checkItems(key: string, items: unknown): asserts items is readonly unknown[] {
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
export function hashCall(kind: string, name: string, inputs: readonly unknown[]): string {
  return createHash('sha256')
    .update(canonicalJson([kind, name, inputs]))
    .digest('base64url')
    .slice(0, 22);
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

/**
 * Checks a call that is to be recorded.
 * @param chain the types of the pipeline that calls and of those that it is nested in, the nearest first
 * @returns its jobs
 * @throws NonRetryableError that names the step and the field
 */
export async function prepareCall(
  engine: Engine,
  pipeline: JobRow,
  chain: readonly string[],
  call: CallRequest,
): Promise<PreparedJob[]> {
  const { key, job, inputs, options } = call;
  if (!job) return [];
  if (job.isPipeline) checkNesting(key, job.type, chain);
  checkOptions(key, options);
  const { queue, attempts, backoff, timeoutMs, priority = pipeline.priority, concurrency = Infinity } = options;
  const isMany = call.kind === 'all';
  const caller = { scope: { tenant: pipeline.tenant } };
  const asked = { queue, attempts, backoff, timeoutMs, priority };
  return Promise.all(
    inputs.map(async (input, index) => {
      const request = enqueueSchema.safeParse({ type: job.type, input, options: asked });
      if (!request.success) throw toCallError(key, isMany ? index : null, toFaults(request.error, ''));
      const stepIndex = isMany ? index : null;
      const origin = {
        id: createId(),
        parentId: pipeline.id,
        stepKey: key,
        stepIndex,
        isHeldBack: index >= concurrency,
      };
      try {
        return await prepareJob(engine, caller, request.data, origin);
      } catch (error) {
        if (!isAppError(error)) throw error;
        throw toCallError(key, stepIndex, error.errors ?? [{ path: '', message: error.message }], error);
      }
    }),
  );
}

function checkOptions(key: string, { onFailure = 'fail', concurrency = 1 }: StepManyOptions): void {
  if (onFailure !== 'fail' && onFailure !== 'continue') {
    throw toCallError(key, null, [{ path: 'onFailure', message: 'must be "fail" or "continue"' }]);
  }
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
    const message = `must be a whole number from 1 to ${MAX_CONCURRENCY}`;
    throw toCallError(key, null, [{ path: 'concurrency', message }]);
  }
}

function checkNesting(key: string, type: string, chain: readonly string[]): void {
  const path = [...chain].reverse().concat(type).join(' → ');
  if (chain.includes(type))
    throw new NonRetryableError(`step "${key}": the pipelines call each other in a circle: ${path}`);
  if (chain.length >= MAX_DEPTH) {
    throw new NonRetryableError(`step "${key}": pipelines can be nested ${MAX_DEPTH} deep, not deeper: ${path}`);
  }
}

function toCallError(
  key: string,
  index: number | null,
  faults: readonly FieldError[],
  cause?: unknown,
): NonRetryableError {
  const list = faults.map(({ path, message }) => `${placeOf(path, index)}${message}`).join('; ');
  return new NonRetryableError(`step "${key}": ${list}`, { cause });
}

function placeOf(path: string, index: number | null): string {
  const place = index === null ? path : path.replace(/^input/, `input[${index}]`);
  return place === '' ? '' : `${place}: `;
}
