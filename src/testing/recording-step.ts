import { toStepKey } from '../contract/steps.ts';
import { type KnownDefinitions, parseInput } from '../define/check-input.ts';
import { NonRetryableError, StepError } from '../define/errors.ts';
import type { Step } from '../define/pipeline.ts';
import { type CallRequest, createStep } from '../define/step-calls.ts';
import { messageOf } from '../shared/failure.ts';
import { createId } from '../shared/ids.ts';
import { keepJson } from './keep-json.ts';
import type { EnqueuedChild } from './recording-context.ts';

export interface StepAnswers {
  /** Answers a step's job with its output, or throws as a job that failed. */
  children: ((child: EnqueuedChild) => unknown) | undefined;
  /** What events bring, by their names; others time out. */
  events: Readonly<Record<string, unknown>>;
  /** What inputs may name. */
  known: KnownDefinitions;
}

/** The `step` of a pipeline that runs once, without a record: calls are answered at once, pauses are over at once. */
export function createRecordingStep(made: EnqueuedChild[], { children, events, known }: StepAnswers): Step {
  return createStep(async (call) => {
    if (call.kind === 'sleep') return undefined;
    if (call.kind === 'event') return Object.hasOwn(events, call.name) ? events[call.name] : null;
    const jobs = await Promise.all(call.inputs.map((input, index) => prepare(call, input, index, known)));
    made.push(...jobs);
    const outputs = await Promise.all(jobs.map((job, index) => answer(call, job, index, children)));
    return call.kind === 'all' ? outputs : outputs[0];
  });
}

async function prepare(
  { key, kind, job, options }: CallRequest,
  input: unknown,
  index: number,
  known: KnownDefinitions,
): Promise<EnqueuedChild> {
  if (!job) throw new TypeError(`the step "${key}" has no job`);
  const place = kind === 'all' ? `input[${index}]` : 'input';
  const parsed = await parseInput(job, input, known, place);
  if (!parsed.ok) {
    const faults = parsed.faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw new NonRetryableError(`step "${key}": ${faults}`);
  }
  const { key: _key, onFailure: _onFailure, concurrency: _concurrency, ...jobOptions } = options;
  return { id: createId(), type: job.type, input: keepJson('the input', input), options: jobOptions };
}

async function answer(
  { key, kind, options }: CallRequest,
  child: EnqueuedChild,
  index: number,
  children: StepAnswers['children'],
): Promise<unknown> {
  if (!children) {
    throw new Error(`the pipeline calls ${child.type}; give runJob(…, …, { children: (child) => its output })`);
  }
  try {
    return await children(child);
  } catch (cause) {
    if (options.onFailure === 'continue') return undefined;
    const step = toStepKey(key, kind === 'all' ? index : null);
    const about = { step, type: child.type, jobId: child.id, status: 'failed', reason: 'attempts_exhausted' } as const;
    throw new StepError(`step "${step}" failed: ${messageOf(cause)}`, about, { cause });
  }
}
