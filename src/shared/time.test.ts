import { describe, expect, it } from 'vitest';
import { parseRetryAfterMs, pause } from './time.ts';

const nowMs = Date.parse('2026-01-02T03:04:05Z');

describe('parseRetryAfterMs', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5000],
    ['Fri, 02 Jan 2026 03:05:05 GMT', 60_000],
    ['Fri, 02 Jan 2026 03:00:00 GMT', 0], // the past
  ])('reads %o', (header, ms) => {
    expect(parseRetryAfterMs(header, nowMs)).toBe(ms);
  });

  it.each([null, undefined, '', 'soon', '-5x'])('knows that %o says nothing', (header) => {
    expect(parseRetryAfterMs(header, nowMs)).toBeUndefined();
  });
});

describe('pause', () => {
  it('ends with its time, or at once with its signal, and leaves no listener behind', async () => {
    await pause(1);
    await pause(600_000, AbortSignal.abort());
    const abort = new AbortController();
    const paused = pause(600_000, abort.signal);
    abort.abort();
    await paused;
  });
});
