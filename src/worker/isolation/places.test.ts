import { describe, expect, it } from 'vitest';
import { Places } from './places.ts';

const never = new AbortController().signal;

describe('places', () => {
  it('let so many in at once, and the others in the order in which they came', async () => {
    const places = new Places(2, () => undefined);
    const leaveFirst = await places.enter(never);
    const leaveSecond = await places.enter(never);
    const order: number[] = [];
    const others = [3, 4].map(async (n) => {
      const leave = await places.enter(never);
      order.push(n);
      return leave;
    });
    expect(places.waiting).toBe(2);
    leaveFirst();
    const leaveThird = await others[0];
    expect({ order, waiting: places.waiting }).toEqual({ order: [3], waiting: 1 });
    leaveSecond();
    leaveThird?.();
    (await others[1])?.();
    expect({ order, waiting: places.waiting }).toEqual({ order: [3, 4], waiting: 0 });
  });

  it('give nobody a place whose signal has aborted, and lose none to those that gave up', async () => {
    const waiting: number[] = [];
    const places: Places = new Places(1, () => waiting.push(places.waiting));
    const leave = await places.enter(never);
    const abort = new AbortController();
    const givenUp = places.enter(abort.signal);
    abort.abort(new Error('cancelled'));
    await expect(givenUp).rejects.toThrow('cancelled');
    await expect(places.enter(abort.signal)).rejects.toThrow('cancelled');
    expect(waiting).toEqual([1, 0]);
    leave();
    (await places.enter(never))();
    (await places.enter(never))();
  });
});
