import { describe, expect, it } from 'vitest';
import { eventIdOf, fenceOf, SEQ_MAX, SEQ_RETRYING, SEQ_TERMINAL } from './fence.ts';

describe('fenceOf', () => {
  it('grows with every start of a delivery and with every new delivery', () => {
    const runs = [fenceOf(1, 1), fenceOf(1, 2), fenceOf(1, 999), fenceOf(2, 1), fenceOf(2, 2), fenceOf(10, 1)];
    expect(runs).toEqual([...new Set(runs)].sort((a, b) => a - b));
    expect(runs[0]).toBeGreaterThan(0); // a job that never ran has fence 0
  });

  it('never reaches into the next delivery', () => {
    expect(fenceOf(1, 10_000_000)).toBeLessThan(fenceOf(2, 1));
  });
});

describe('eventIdOf', () => {
  it('puts lines and progress before the end of their run, and that before the next run', () => {
    const ids = [eventIdOf(7, 0), eventIdOf(7, SEQ_MAX), eventIdOf(7, SEQ_RETRYING), eventIdOf(7, SEQ_TERMINAL)];
    expect([...ids, eventIdOf(8, 0)]).toEqual([...new Set([...ids, eventIdOf(8, 0)])].sort((a, b) => a - b));
  });

  it('stays exact for nine million deliveries', () => {
    expect(Number.isSafeInteger(eventIdOf(fenceOf(9_000_000, 999), SEQ_TERMINAL))).toBe(true);
  });
});
