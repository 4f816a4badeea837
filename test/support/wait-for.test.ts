import { describe, expect, it } from 'vitest';
import { waitFor } from './wait-for.ts';

describe('waitFor', () => {
  it('returns the first truthy value', async () => {
    let calls = 0;
    const value = await waitFor(() => ++calls > 2 && { calls }, { intervalMs: 1, describe: 'the third call' });
    expect(value).toEqual({ calls: 3 });
  });

  it('goes on after a probe that throws', async () => {
    let calls = 0;
    const probe = () => {
      if (++calls < 3) throw new Error('not yet');
      return 'ready';
    };
    expect(await waitFor(probe, { intervalMs: 1, describe: 'readiness' })).toBe('ready');
  });

  it('says what it waited for and what it saw last', async () => {
    const waiting = waitFor(() => null, { timeoutMs: 10, intervalMs: 1, describe: 'a job' });
    await expect(waiting).rejects.toThrow('waited 10 ms for: a job; last seen: null');
  });
});
