import { describe, expect, it } from 'vitest';
import { estimateCalls, httpPollInputSchema } from './http-poll-schema.ts';

/** The same by counting. */
function countCalls(input: Parameters<typeof estimateCalls>[0]): number {
  let [calls, atMs] = [0, 0];
  for (let interval = input.intervalMs; atMs < input.deadlineMs; interval *= input.backoffFactor) {
    atMs += Math.min(interval, Math.max(input.intervalMs, input.maxIntervalMs));
    calls += 1;
  }
  return calls;
}

describe('estimateCalls', () => {
  it.each([
    { intervalMs: 100, backoffFactor: 1, maxIntervalMs: 60_000, deadlineMs: 3_600_000 },
    { intervalMs: 5000, backoffFactor: 1.5, maxIntervalMs: 60_000, deadlineMs: 3_600_000 },
    { intervalMs: 100, backoffFactor: 10, maxIntervalMs: 86_400_000, deadlineMs: 86_400_000 },
    { intervalMs: 100, backoffFactor: 1.001, maxIntervalMs: 60_000, deadlineMs: 3_600_000 },
    { intervalMs: 60_000, backoffFactor: 2, maxIntervalMs: 1000, deadlineMs: 600_000 },
  ])('comes within two calls of what %o makes', (input) => {
    expect(Math.abs(estimateCalls(input) - countCalls(input))).toBeLessThan(2);
  });
});

describe('a path', () => {
  const isTaken = async (path: string) => {
    const input = { url: 'https://a.example', until: [{ path, exists: true }] };
    return (await httpPollInputSchema.safeParseAsync(input)).success;
  };

  it('is a JSONPath, and one that can be read in time', async () => {
    expect(await isTaken('$.items[?length(value(@.a)) > 2 && (@.b == "c" || !@.d)].id')).toBe(true);
    expect(await isTaken('items')).toBe(false);
    expect(await isTaken(`$[?${'value('.repeat(100)}`)).toBe(false);
  });
});
