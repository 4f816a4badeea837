import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Logger } from '../telemetry/logger.ts';
import { Loop } from './loop.ts';

describe('Loop', () => {
  const lines: string[] = [];
  const note = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  const log: Logger = {
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
    child: () => log,
  };

  beforeEach(() => {
    vi.useFakeTimers();
    lines.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function makeLoop(work: () => Promise<number>): Loop {
    return new Loop('the work', log, work);
  }

  it('works at once, and again after as long as the work says', async () => {
    let runs = 0;
    const loop = makeLoop(async () => {
      runs += 1;
      return 1000;
    });
    loop.start();
    loop.start(); // once is enough
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toBe(1);
    await vi.advanceTimersByTimeAsync(999);
    expect(runs).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toBe(2);
    await loop.stop();
    await vi.advanceTimersByTimeAsync(5000);
    expect(runs).toBe(2);
  });

  it('works again at once when there is more, and when it is woken, also during the work', async () => {
    let runs = 0;
    const third = Promise.withResolvers<void>();
    const loop = makeLoop(async () => {
      runs += 1;
      if (runs === 3) await third.promise;
      return runs < 3 ? 0 : 60_000;
    });
    loop.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toBe(3);
    loop.wake(); // while it works: that wake is not lost
    third.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toBe(4);
    loop.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toBe(5);
    await loop.stop();
  });

  it('never works twice at the same time', async () => {
    let running = 0;
    let most = 0;
    const loop = makeLoop(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 50));
      running -= 1;
      return 10;
    });
    loop.start();
    for (let n = 0; n < 20; n += 1) {
      loop.wake();
      await vi.advanceTimersByTimeAsync(7);
    }
    expect(most).toBe(1);
    const stopped = loop.stop();
    await vi.advanceTimersByTimeAsync(50);
    await stopped;
    expect(running).toBe(0); // stop has waited for the work
  });

  it('wakes at the earliest time that it was told', async () => {
    const runs: number[] = [];
    const begin = Date.now();
    const loop = makeLoop(async () => {
      runs.push(Date.now() - begin);
      return 60_000;
    });
    loop.start();
    await vi.advanceTimersByTimeAsync(0);
    loop.wakeAt(begin + 500);
    loop.wakeAt(begin + 300);
    loop.wakeAt(begin + 400);
    await vi.advanceTimersByTimeAsync(299);
    expect(runs.every((at) => at < 1)).toBe(true);
    await vi.advanceTimersByTimeAsync(701);
    expect(runs).toContain(300);
    await loop.stop();
  });

  it('tries again a second after a failure, and says once that it failed and once that it works again', async () => {
    let runs = 0;
    const loop = makeLoop(async () => {
      runs += 1;
      if (runs <= 3) throw new Error('no');
      return 60_000;
    });
    loop.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toBe(1);
    await vi.advanceTimersByTimeAsync(3000);
    expect(runs).toBe(4);
    expect(lines).toEqual(['warn the work failed; trying until it works', 'info the work works again']);
    await loop.stop();
    await loop.stop();
  });
});
