import { toStepKey } from '../contract/steps.ts';
import { NonRetryableError, StepError } from '../define/errors.ts';
import type { Failure } from '../shared/failure.ts';
import type { RecordedStep, StepJob } from '../store/pipelines.ts';

export type StepResult = { ok: true; value: unknown } | { ok: false; error: StepError | NonRetryableError };

/**
 * What a settled step gives to the code that called it. Pure.
 * @param jobs its jobs, in their order; of a step that failed, the one that failed it
 */
export function readResult(step: RecordedStep, jobs: readonly StepJob[]): StepResult {
  if (step.kind === 'sleep') return { ok: true, value: undefined };
  if (step.kind === 'event') return { ok: true, value: step.payload ?? null };
  if (jobs.length < (step.failedJobId === null ? step.size : 1)) return { ok: false, error: toLossError(step) };
  const failed = jobs.find((job) => job.status !== 'completed');
  if (failed && step.onFailure === 'fail') return { ok: false, error: toStepError(step, failed) };
  const outputs = jobs.map((job) => (job.status === 'completed' ? job.output : undefined));
  return { ok: true, value: step.kind === 'all' ? outputs : outputs[0] };
}

// Whatever deletes a job that a pipeline still needs must not pass for a job that returned nothing.
function toLossError({ key }: RecordedStep): NonRetryableError {
  return new NonRetryableError(`step "${key}": its result cannot be read any more, because its job was deleted`);
}

function toStepError(step: RecordedStep, job: StepJob): StepError {
  const { id: jobId, type, reason, error, index } = job;
  const status = job.status as StepError['status'];
  const key = toStepKey(step.key, index);
  const why = status === 'failed' && error ? `failed: ${error.message}` : `ended as ${status}`;
  const cause = error && status === 'failed' ? { cause: toError(error) } : undefined;
  return new StepError(`step "${key}" ${why}`, { step: key, type, jobId, status, reason }, cause);
}

function toError({ name, message, code, stack, cause }: Failure): Error {
  const error = new Error(message, cause ? { cause: toError(cause) } : undefined);
  return Object.assign(error, { name, stack: stack ?? `${name}: ${message}` }, code === undefined ? {} : { code });
}
