import { describe, expect, it } from 'vitest';
import { parseStat } from './cpu.ts';

describe('parseStat', () => {
  it('reads the parent and the times, although the name holds spaces and parentheses', () => {
    const line = '42 (a (b) c) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 1 0 100 0 0';
    expect(parseStat(line)).toEqual({ parent: 7, ownMs: 330, endedMs: 770 });
  });
});
