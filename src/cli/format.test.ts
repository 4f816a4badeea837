import { describe, expect, it } from 'vitest';
import { formatAge, formatTimestamp } from './format.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

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
