import { describe, expect, it } from 'vitest';
import { NonRetryableError, RetryLaterError, SnoozeSignal } from '../define/errors.ts';
import { decideOutcome, type OpenResult, type RunJob } from './outcome.ts';

const job: RunJob = {
  type: 'some:job',
  attempt: 1,
  maxAttempts: 3,
  timeoutMs: 500,
  rescues: 0,
  backoff: { type: 'exponential', delayMs: 1000, jitter: 0.2 },
};
const last = { ...job, attempt: 3 };
const failure = { name: 'Error', message: 'boom' };
const boom = new Error('boom');
const threw = (error: unknown): OpenResult => ({ kind: 'threw', error });

// A copy of the package has classes of its own: the name tells.
const foreignSnooze = Object.assign(new Error('snoozed'), { name: 'SnoozeSignal', delayMs: 70 });

const table: [what: string, job: RunJob, result: OpenResult, outcome: object][] = [
  ['what was returned', job, { kind: 'returned', output: '{"a":1}' }, { to: 'completed', output: '{"a":1}' }],
  ['the last attempt returns', last, { kind: 'returned', output: 'null' }, { to: 'completed', output: 'null' }],
  ['an error', job, threw(boom), { to: 'retrying', delayMs: 900, error: failure }],
  ['an error of the second attempt', { ...job, attempt: 2 }, threw(boom), { to: 'retrying', delayMs: 1800 }],
  ['an error of the last attempt', last, threw(boom), { to: 'failed', reason: 'attempts_exhausted', error: failure }],
  ['more attempts than allowed', { ...job, attempt: 9 }, threw(boom), { to: 'failed', reason: 'attempts_exhausted' }],
  ['undefined is thrown', job, threw(undefined), { to: 'retrying', error: { name: 'NonError' } }],
  [
    'NonRetryableError',
    job,
    threw(new NonRetryableError('no')),
    { to: 'failed', reason: 'non_retryable', error: { name: 'NonRetryableError', message: 'no' } },
  ],
  ['RetryLaterError', job, threw(new RetryLaterError('busy', 42.4)), { to: 'retrying', delayMs: 42 }],
  ['RetryLaterError in the past', job, threw(new RetryLaterError('busy', -5)), { to: 'retrying', delayMs: 0 }],
  [
    'RetryLaterError without a time',
    job,
    threw(new RetryLaterError('busy', Number.NaN)),
    { to: 'retrying', delayMs: 900 },
  ],
  [
    'RetryLaterError in a thousand years',
    job,
    threw(new RetryLaterError('busy', 1e18)),
    { to: 'retrying', delayMs: 366 * 24 * 3_600_000 },
  ],
  [
    'RetryLaterError at last',
    last,
    threw(new RetryLaterError('busy', 10)),
    { to: 'failed', reason: 'attempts_exhausted' },
  ],
  ['a snooze', job, threw(new SnoozeSignal(250)), { to: 'scheduled', delayMs: 250 }],
  ['a snooze of the last attempt', last, threw(new SnoozeSignal(0)), { to: 'scheduled', delayMs: 0 }],
  ['a snooze of another copy', job, threw(foreignSnooze), { to: 'scheduled', delayMs: 70 }],
  [
    'a timeout',
    job,
    { kind: 'timed_out' },
    { to: 'retrying', delayMs: 900, error: { name: 'TimeoutError', message: 'the attempt took longer than 500 ms' } },
  ],
  ['a timeout at last', last, { kind: 'timed_out' }, { to: 'failed', reason: 'timeout' }],
  ['a stop', last, { kind: 'stopped' }, { to: 'queued' }],
  ['a type that this worker lacks', last, { kind: 'not_known_here', ageMs: 70 }, { to: 'scheduled', delayMs: 5000 }],
  ['… for minutes', last, { kind: 'not_known_here', ageMs: 300_000 }, { to: 'scheduled', delayMs: 30_000 }],
  ['… for days', last, { kind: 'not_known_here', ageMs: 9e8 }, { to: 'scheduled', delayMs: 600_000 }],
  [
    'a type that nobody has',
    job,
    { kind: 'unknown_type' },
    { to: 'failed', reason: 'unknown_type', error: { message: 'no job type is called "some:job"' } },
  ],
  [
    'an input that is not valid',
    job,
    { kind: 'invalid_input', error: boom },
    { to: 'failed', reason: 'invalid_input', error: failure },
  ],
  [
    'an output that is not valid',
    job,
    { kind: 'invalid_output', error: boom },
    { to: 'failed', reason: 'non_retryable', error: failure },
  ],
  [
    'a third lost worker',
    { ...job, rescues: 3 },
    { kind: 'worker_lost' },
    { to: 'failed', reason: 'worker_lost', error: { message: 'the worker that ran this job was lost 3 times' } },
  ],
];

describe('decideOutcome', () => {
  it.each(table)('decides on %s', (_what, run, result, outcome) => {
    expect(decideOutcome(run, result, 0.5)).toMatchObject(outcome);
  });

  it('asks the backoff function with the attempt that failed and what it threw', () => {
    const calls: unknown[] = [];
    const backoff = (...args: unknown[]) => {
      calls.push(args);
      return 12.6;
    };
    expect(decideOutcome({ ...job, backoff }, threw('text'), 0)).toMatchObject({ to: 'retrying', delayMs: 13 });
    expect(decideOutcome({ ...last, backoff }, threw('text'), 0)).toMatchObject({ to: 'failed' });
    expect(decideOutcome({ ...job, backoff }, { kind: 'timed_out' }, 0)).toMatchObject({ to: 'retrying', delayMs: 13 });
    expect(calls).toEqual([
      [1, 'text'],
      [1, undefined],
    ]);
  });

  it('fails the job when the backoff function throws, and keeps both errors', () => {
    const backoff = () => {
      throw new TypeError('broken');
    };
    expect(decideOutcome({ ...job, backoff }, threw(boom), 0)).toMatchObject({
      to: 'failed',
      reason: 'non_retryable',
      error: { name: 'BackoffError', cause: { name: 'TypeError', message: 'broken', cause: failure } },
    });
  });
});
