import { enqueueSchema } from '../contract/enqueue.ts';
import { MAX_DEPTH } from '../contract/steps.ts';
import { NonRetryableError } from '../define/errors.ts';
import type { StepManyOptions } from '../define/pipeline.ts';
import { toFaults } from '../define/registry.ts';
import { type CallRequest, MAX_ITEMS } from '../define/step-calls.ts';
import { prepareJob } from '../engine/check-request.ts';
import type { Engine } from '../engine/engine.ts';
import type { PreparedJob } from '../engine/record-jobs.ts';
import { type FieldError, isAppError } from '../shared/errors.ts';
import { createId } from '../shared/ids.ts';
import type { JobRow } from '../store/job-row.ts';

/** Those beside what is about the step itself. */
const JOB_OPTIONS: readonly string[] = [
  'key',
  'queue',
  'attempts',
  'backoff',
  'timeoutMs',
  'priority',
  'concurrencyKey',
] satisfies (keyof StepManyOptions)[];

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
  const { queue, attempts, backoff, timeoutMs, concurrencyKey, concurrency = Infinity } = options;
  const priority = options.priority ?? pipeline.priority;
  const isMany = call.kind === 'all';
  const caller = { scope: { tenant: pipeline.tenant }, actor: `job ${pipeline.id}` };
  const asked = { queue, attempts, backoff, timeoutMs, priority, concurrencyKey };
  return Promise.all(
    inputs.map(async (input, index) => {
      const stepIndex = isMany ? index : null;
      const request = enqueueSchema.safeParse({ type: job.type, input: asStored(input), options: asked });
      if (!request.success) throw toCallError(key, stepIndex, toFaults(request.error, '', enqueueSchema));
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

// The job gets what JSON keeps of it, so that is what is checked.
function asStored(input: unknown): unknown {
  return input === undefined ? undefined : (JSON.parse(JSON.stringify(input) ?? 'null') as unknown);
}

function checkOptions(key: string, { onFailure = 'fail', concurrency = 1, ...others }: StepManyOptions): void {
  const unknown = Object.keys(others).filter((name) => !JOB_OPTIONS.includes(name));
  if (unknown.length > 0) {
    throw toCallError(
      key,
      null,
      unknown.map((name) => ({ path: `options.${name}`, message: 'is not known here' })),
    );
  }
  if (onFailure !== 'fail' && onFailure !== 'continue') {
    throw toCallError(key, null, [{ path: 'onFailure', message: 'must be "fail" or "continue"' }]);
  }
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_ITEMS) {
    const message = `must be a whole number from 1 to ${MAX_ITEMS}`;
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
