import { describe, expect, it } from 'vitest';
import { type Answer, judgeTry, RETRY_SCHEDULE_MS } from './webhooks.ts';

const answered = (statusCode: number, retryAfterMs?: number): Answer => ({ statusCode, retryAfterMs });
const day = 24 * 3_600_000;

describe('judgeTry', () => {
  it.each([200, 201, 204, 299])('takes %i for success', (statusCode) => {
    expect(judgeTry('w', 0, answered(statusCode), 0)).toEqual({
      id: 'w',
      status: 'delivered',
      statusCode,
      error: null,
      retryInMs: null,
    });
  });

  it.each([100, 199, 300, 301, 304, 307, 400, 404, 429, 500, 503])('tries again after %i', (statusCode) => {
    expect(judgeTry('w', 0, answered(statusCode), 0)).toMatchObject({
      status: 'pending',
      statusCode,
      error: `answered ${statusCode}`,
      retryInMs: 5000,
    });
  });

  it('tries again when nobody answered, and gives up an address that may not be called', () => {
    const fault = { fault: 'connect ECONNREFUSED', isRefused: false };
    expect(judgeTry('w', 1, fault, 0)).toEqual({
      id: 'w',
      status: 'pending',
      statusCode: null,
      error: 'connect ECONNREFUSED',
      retryInMs: 300_000,
    });
    const refused = { fault: '10.0.0.1 is a private address', isRefused: true };
    expect(judgeTry('w', 0, refused, 0)).toMatchObject({ status: 'failed', retryInMs: null, error: refused.fault });
  });

  it('ends for good at 410, at any try', () => {
    for (const tries of [0, 5, 9]) {
      expect(judgeTry('w', tries, answered(410), 0)).toMatchObject({ status: 'disabled', retryInMs: null });
    }
  });

  it('waits as the schedule says, up to a fifth longer, and gives up after the last', () => {
    const waits = RETRY_SCHEDULE_MS.map((_, tries) => judgeTry('w', tries, answered(500), 0).retryInMs);
    expect(waits).toEqual([...RETRY_SCHEDULE_MS.slice(1), null]);
    expect(RETRY_SCHEDULE_MS).toHaveLength(10);
    expect(judgeTry('w', 9, answered(500), 0).status).toBe('failed');
    expect(judgeTry('w', 0, answered(500), 0.999999).retryInMs).toBe(6000);
  });

  it('honours Retry-After when it is longer, up to a day', () => {
    expect(judgeTry('w', 0, answered(429, 60_000), 0).retryInMs).toBe(60_000);
    expect(judgeTry('w', 0, answered(429, 1000), 0).retryInMs).toBe(5000);
    expect(judgeTry('w', 0, answered(429, 30 * day), 0).retryInMs).toBe(day);
    expect(judgeTry('w', 0, answered(429, Number.POSITIVE_INFINITY), 0).retryInMs).toBe(day);
    expect(judgeTry('w', 9, answered(429, 1000), 0)).toMatchObject({ status: 'failed', retryInMs: null });
  });
});
