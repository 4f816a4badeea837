import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration } from './quantities.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [-5, '0 ms'],
    [999.4, '999 ms'],
    [1_250, '1.3 s'],
    [9_949, '9.9 s'],
    [9_950, '10 s'],
    [59_499, '59 s'],
    [59_500, '1 min'],
    [MINUTE, '1 min'],
    [3 * MINUTE + 5 * SECOND, '3 min 5 s'],
    [HOUR - 1, '1 h'],
    [2 * HOUR + 10 * MINUTE, '2 h 10 min'],
    [DAY - 1, '1 d'],
    [5 * DAY + 3 * HOUR, '5 d 3 h'],
  ])('%d ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

it('counts bytes in decimal units', () => {
  expect([999, 1_500, 99_600, 67_108_864, 2e12].map(formatBytes)).toEqual([
    '999 B',
    '1.5 kB',
    '100 kB',
    '67.1 MB',
    '2.0 TB',
  ]);
});
