import { describe, expect, it } from 'vitest';
import { callWithin } from './call-within.ts';

describe('a call with a limit of time', () => {
  const hold = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

  it('returns or throws what the call does', () => {
    expect(callWithin(1000, 'it', () => 7)).toBe(7);
    expect(() =>
      callWithin(1000, 'it', () => {
        throw new RangeError('mine');
      }),
    ).toThrow(new RangeError('mine'));
  });

  it('ends one that works for ever', () => {
    expect(() => callWithin(50, 'the pattern', () => /^(a|a?)+$/.test(`${'a'.repeat(60)}b`))).toThrow(
      'the pattern took longer than 50 ms',
    );
  });

  it('makes one again that did not get the processor', () => {
    let calls = 0;
    const call = () => {
      calls += 1;
      if (calls === 1) hold(60_000);
      return calls;
    };
    expect(callWithin(200, 'it', call)).toBe(2);
  });

  it('gives up when that goes on', () => {
    let calls = 0;
    const call = () => {
      calls += 1;
      hold(60_000);
    };
    expect(() => callWithin(100, 'it', call)).toThrow('it took longer than 100 ms');
    expect(calls).toBe(3);
  });
});
