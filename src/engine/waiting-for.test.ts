import { describe, expect, it } from 'vitest';
import type { WaitingFacts } from '../store/waiting.ts';
import { decideReason, type WaitingJob } from './waiting-for.ts';

const NOW = Date.UTC(2030, 0);
const queued: WaitingJob = { status: 'queued', runAt: new Date(NOW - 1000), gate: null, dispatchedAt: null };
const free: WaitingFacts = {
  isPaused: false,
  workers: 1,
  isTenantFull: false,
  queueWindowMs: null,
  keyWindowMs: null,
  perMinute: null,
};
const reasonOf = (job: Partial<WaitingJob>, facts: Partial<WaitingFacts> = {}) =>
  decideReason({ ...queued, ...job }, { ...free, ...facts }, NOW)?.reason;

describe('what a job waits for', () => {
  it.each(['processing', 'completed', 'failed', 'cancelled', 'expired'] as const)(
    'is nothing while it is %s',
    (status) => {
      expect(reasonOf({ status }, { isPaused: true })).toBeUndefined();
    },
  );

  it.each(['scheduled', 'retrying'] as const)(
    'is its time while it is %s, whatever else would hold it up',
    (status) => {
      const job = { ...queued, status, runAt: new Date(NOW + 5000), gate: 'concurrency_key' };
      expect(decideReason(job, { ...free, isPaused: true, workers: 0 }, NOW)).toEqual({
        reason: 'delay',
        untilMs: 5000,
      });
      expect(decideReason({ ...job, runAt: new Date(NOW - 5) }, undefined, NOW)).toEqual({
        reason: 'delay',
        untilMs: 0,
      });
    },
  );

  it('is its steps while it is waiting', () => {
    expect(reasonOf({ status: 'waiting' }, { isPaused: true })).toBe('steps');
  });

  it('is what somebody has to do before what passes by itself', () => {
    const all = { isPaused: true, workers: 0, isTenantFull: true, queueWindowMs: 100, keyWindowMs: 200 };
    const job = { gate: 'rate_limit' };
    expect(reasonOf(job, all)).toBe('queue_paused');
    expect(reasonOf(job, { ...all, isPaused: false })).toBe('no_worker');
    expect(decideReason({ ...queued, ...job }, { ...free, ...all, isPaused: false, workers: 1 }, NOW)).toEqual({
      reason: 'rate_limit',
      untilMs: 200,
    });
    expect(reasonOf({ gate: 'concurrency_key' }, { ...all, isPaused: false, workers: 1 })).toBe('concurrency_key');
    expect(reasonOf({}, { ...all, isPaused: false, workers: 1 })).toBe('tenant_limit');
    expect(reasonOf({}, { queueWindowMs: 100 })).toBe('rate_limit');
    expect(reasonOf({})).toBe('backlog');
  });

  it('is no limit of its tenant once it has a place', () => {
    expect(reasonOf({ dispatchedAt: new Date(NOW) }, { isTenantFull: true })).toBe('backlog');
  });
});
