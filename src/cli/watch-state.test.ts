import { expect, it } from 'vitest';
import { makeJob } from '../../test/support/fake-server.ts';
import type { JobEvent } from '../contract/job.ts';
import { applyEvent, toWatchState } from './watch-state.ts';

const nowMs = Date.parse('2026-01-01T00:01:00.000Z');
const after = (...events: Omit<JobEvent, 'id'>[]) =>
  events.reduce(
    (state, event, index) => applyEvent(state, { id: index + 1, ...event }, nowMs),
    toWatchState(makeJob()),
  );

it('follows a job through its attempts', () => {
  const first = [
    { type: 'job.started', data: { attempt: 1, at: '2026-01-01T00:00:10.000Z' } },
    { type: 'job.progress', data: { percent: 40, message: 'on it', etaMs: 900 } },
  ] as const;
  expect(after(...first)).toMatchObject({
    status: 'processing',
    attempt: 1,
    percent: 40,
    message: 'on it',
    etaMs: 900,
  });
  const retrying = { type: 'job.retrying', data: { attempt: 1, error: { message: 'no luck' } } } as const;
  expect(after(...first, retrying)).toMatchObject({ status: 'retrying', message: 'no luck', etaMs: null, percent: 40 });
  const second = { type: 'job.started', data: { attempt: 2, at: '2026-01-01T00:00:30.000Z' } } as const;
  expect(after(...first, retrying, second)).toMatchObject({
    status: 'processing',
    attempt: 2,
    percent: 0,
    message: null,
    sinceMs: nowMs - 30_000,
  });
});

it('tells a job that is due later from one that waits for a worker', () => {
  expect(after({ type: 'job.queued', data: { runAt: '2026-01-01T00:00:59.000Z' } }).status).toBe('queued');
  expect(after({ type: 'job.queued', data: { runAt: '2026-01-01T02:00:00.000Z' } }).status).toBe('scheduled');
});

it('takes no harm from an event that it does not know', () => {
  const state = toWatchState(makeJob());
  expect(applyEvent(state, { id: 1, type: 'job.moved' as JobEvent['type'], data: null }, nowMs)).toEqual(state);
  expect(applyEvent(state, { id: 1, type: 'job.progress', data: 'odd' }, nowMs)).toMatchObject({ percent: 0 });
});
