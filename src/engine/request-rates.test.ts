import { describe, expect, it } from 'vitest';
import type { RequestCounter } from '../store/request-counter.ts';
import { RequestRates } from './request-rates.ts';

const LIMIT = 50;

/** Counts as Redis and PostgreSQL do, by a clock that the test moves. */
function createSharedCounts() {
  const clock = { nowMs: 0 };
  const seconds = new Map<string, { total: number; endsAtMs: number }>();
  let questions = 0;
  const counter: RequestCounter = {
    async add(tenant, calls) {
      questions += 1;
      const known = seconds.get(tenant);
      const second = known && known.endsAtMs > clock.nowMs ? known : { total: 0, endsAtMs: clock.nowMs + 1000 };
      second.total += calls;
      seconds.set(tenant, second);
      return { total: second.total, endsInMs: second.endsAtMs - clock.nowMs };
    },
    stop: () => undefined,
  };
  const openProcess = () =>
    new RequestRates(
      async () => counter,
      () => clock.nowMs,
    );
  return { clock, openProcess, countQuestions: () => questions };
}

async function countAllowed(rates: RequestRates, calls: number, limit = LIMIT, tenant = 'acme'): Promise<number> {
  const answers = await Promise.all(Array.from({ length: calls }, () => rates.take(tenant, limit)));
  return answers.filter(({ isAllowed }) => isAllowed).length;
}

describe('RequestRates', () => {
  it.each([1, 3, 7, 50, 55, 1000])('allows exactly %i calls in a second, and as many in the next', async (limit) => {
    const { clock, openProcess } = createSharedCounts();
    const rates = openProcess();
    expect(await countAllowed(rates, limit + 20, limit)).toBe(limit);
    clock.nowMs += 999;
    expect(await countAllowed(rates, 5, limit)).toBe(0);
    clock.nowMs += 1;
    expect(await countAllowed(rates, limit + 20, limit)).toBe(limit);
  });

  it('never allows more than the limit over several processes, and gives out all of it to who still asks', async () => {
    const { openProcess } = createSharedCounts();
    const processes = [openProcess(), openProcess(), openProcess()];
    let allowed = 0;
    for (let round = 0; round < 40; round += 1) {
      for (const each of processes) if ((await each.take('acme', LIMIT)).isAllowed) allowed += 1;
    }
    expect(allowed).toBe(LIMIT);
  });

  it('asks the shared counts once for many calls, and no more when the second is full', async () => {
    const { openProcess, countQuestions } = createSharedCounts();
    const rates = openProcess();
    for (let call = 0; call < 200; call += 1) await rates.take('acme', LIMIT);
    expect(countQuestions()).toBe(10);
  });

  it('says how many calls are left and when the second ends', async () => {
    const { clock, openProcess } = createSharedCounts();
    const rates = openProcess();
    expect(await rates.take('acme', 2)).toEqual({ isAllowed: true, remaining: 1, resetMs: 1000 });
    clock.nowMs += 400;
    expect(await rates.take('acme', 2)).toEqual({ isAllowed: true, remaining: 0, resetMs: 600 });
    expect(await rates.take('acme', 2)).toEqual({ isAllowed: false, remaining: 0, resetMs: 600 });
  });

  it('keeps tenants apart, and goes by a new limit at once', async () => {
    const { openProcess } = createSharedCounts();
    const rates = openProcess();
    expect(await countAllowed(rates, 5, 2)).toBe(2);
    expect(await countAllowed(rates, 5, 2, 'other')).toBe(2);
    expect(await countAllowed(rates, 10, 6)).toBe(6 - 2);
  });

  it('passes on that the counts cannot be had', async () => {
    const rates = new RequestRates(async () => ({
      add: () => Promise.reject(new Error('away')),
      stop: () => undefined,
    }));
    await expect(rates.take('acme', 2)).rejects.toThrow('away');
    await expect(rates.take('acme', 2)).rejects.toThrow('away');
  });
});
