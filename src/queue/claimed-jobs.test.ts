import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeJobRow } from '../../test/support/job-row.ts';
import { ClaimedJobs } from './claimed-jobs.ts';

const rows = (...ids: string[]) => ids.map((id) => makeJobRow({ id }));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Handlers end at this pace for long enough to be measured. */
function handle(claimed: ClaimedJobs, perMs: number): void {
  claimed.countMissing();
  vi.advanceTimersByTime(100);
  for (let ended = 0; ended < perMs * 100; ended += 1) claimed.noteHandled();
}

describe('jobs that are claimed ahead', () => {
  it.each([
    [0, 0],
    [0.04, 0], // 25 ms a job: none would be started before the next claim
    [1, 20],
    [10, 200],
    [100, 500],
  ])('are as many as handlers end within 20 ms: at %s a millisecond, %s', (perMs, ahead) => {
    const claimed = new ClaimedJobs(true);
    handle(claimed, perMs);
    expect(claimed.countMissing()).toBe(ahead);
  });

  it('are claimed again when half of them have been started', () => {
    const claimed = new ClaimedJobs(true);
    handle(claimed, 0.2);
    claimed.add(rows('1', '2', '3', '4'));
    expect(claimed.countMissing()).toBe(0);
    claimed.take();
    expect(claimed.countMissing()).toBe(0);
    claimed.take();
    expect(claimed.countMissing()).toBe(2);
  });

  it('are none where each claim spends a token of a rate limit', () => {
    const claimed = new ClaimedJobs(false);
    handle(claimed, 10);
    expect(claimed.countMissing()).toBe(0);
  });

  it('are started in the order of their claims, without those that were cancelled meanwhile', () => {
    const claimed = new ClaimedJobs(true);
    claimed.add(rows('1', '2', '3'));
    expect(claimed.take()?.id).toBe('1');
    claimed.add(rows('4', '5'));
    claimed.drop(['3', '1']);
    expect(claimed.list().map(({ id }) => id)).toEqual(['2', '4', '5']);
    expect([claimed.take(), claimed.take(), claimed.take(), claimed.take()].map((job) => job?.id)).toEqual([
      '2',
      '4',
      '5',
      undefined,
    ]);
  });

  it('are not started any more when they have waited for half a second: they are to be given back', () => {
    const claimed = new ClaimedJobs(true);
    expect(claimed.staleInMs).toBe(Infinity);
    claimed.add(rows('1', '2'));
    vi.advanceTimersByTime(400);
    expect(claimed.staleInMs).toBe(100);
    expect(claimed.take()?.id).toBe('1');
    vi.advanceTimersByTime(100);
    expect(claimed.staleInMs).toBe(0);
    expect(claimed.take()).toBeUndefined();
    expect(claimed.list().map(({ id }) => id)).toEqual(['2']);
  });
});
