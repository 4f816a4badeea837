import { describe, expect, it } from 'vitest';
import { type Backoff, computeBackoffMs, DEFAULT_BACKOFF } from './backoff.ts';

const waits = (backoff: Backoff, random = 0) =>
  [1, 2, 3, 4, 5].map((attempt) => computeBackoffMs(backoff, attempt, random));

describe('computeBackoffMs', () => {
  it('doubles an exponential wait', () => {
    expect(waits(DEFAULT_BACKOFF)).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(waits({ type: 'exponential', delayMs: 5 })).toEqual([5, 10, 20, 40, 80]);
  });

  it('keeps a fixed wait, without jitter unless asked for', () => {
    expect(waits({ type: 'fixed', delayMs: 300 }, 0.9)).toEqual([300, 300, 300, 300, 300]);
    expect(waits({ type: 'fixed', delayMs: 300, jitter: 1 }, 0.5)).toEqual([150, 150, 150, 150, 150]);
  });

  it('takes the jitter off, a fifth by default', () => {
    expect(waits(DEFAULT_BACKOFF, 0.5).slice(0, 2)).toEqual([900, 1800]);
    expect(computeBackoffMs({ ...DEFAULT_BACKOFF, jitter: 0 }, 1, 0.999)).toBe(1000);
    expect(computeBackoffMs({ ...DEFAULT_BACKOFF, jitter: 1 }, 1, 0.999)).toBe(1);
  });

  it('stays below its ceiling, an hour by default, at any attempt', () => {
    expect(waits({ type: 'exponential', delayMs: 1000, maxDelayMs: 3000 })).toEqual([1000, 2000, 3000, 3000, 3000]);
    expect(computeBackoffMs(DEFAULT_BACKOFF, 100, 0)).toBe(3_600_000);
    expect(computeBackoffMs({ type: 'exponential', delayMs: 1 }, 1_000_000, 0)).toBe(3_600_000);
    expect(computeBackoffMs({ type: 'fixed', delayMs: 0 }, 1, 0)).toBe(0);
  });
});
