import { describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatDuration, formatTimestamp } from './format.ts';

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

describe('ages', () => {
  const nowMs = Date.parse('2026-01-10T00:00:00.000Z');
  it.each([
    [200, 'now'],
    [3 * SECOND, '3 s ago'],
    [119 * SECOND, '1 min ago'],
    [3 * HOUR, '3 h ago'],
    [9 * DAY, '9 d ago'],
    [-2 * HOUR, 'in 2 h'],
  ])('%d ms before now is "%s"', (ms, text) => {
    expect(formatAge(new Date(nowMs - ms).toISOString(), nowMs)).toBe(text);
  });
});

it('shows the date of a time that is not today', () => {
  const nowMs = new Date(2026, 0, 10, 12).getTime();
  expect(formatTimestamp(new Date(2026, 0, 10, 8, 5, 1).toISOString(), nowMs)).toBe('08:05:01');
  expect(formatTimestamp(new Date(2026, 0, 9, 8, 5, 1).toISOString(), nowMs)).toBe('2026-01-09 08:05:01');
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
