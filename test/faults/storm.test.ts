import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { formatAccount } from '../chaos/format-account.ts';
import { runStorm } from '../chaos/storm.ts';

const SEED = 20_260;

describe.each<[TransportName, number]>([
  ['postgres', 8000],
  ['bullmq', 15_000],
])('a storm of all faults at once, on the %s transport', (transport, durationMs) => {
  it('loses no accepted job and records none twice', { timeout: 180_000 }, async () => {
    const told: string[] = [];
    const account = await runStorm({
      transport,
      seed: SEED,
      durationMs,
      jobs: durationMs / 100,
      drainMs: 90_000,
      tell: (line) => told.push(line),
    });
    console.info(`${transport}, seed ${SEED}, ${durationMs / 1000} s:\n${formatAccount(account)}`);
    const { lost, recordedTwice, wrong, accepted } = account;
    expect({ lost, recordedTwice, wrong }, told.join('\n')).toEqual({ lost: [], recordedTwice: [], wrong: [] });
    expect(accepted).toBeGreaterThan(0);
  });
});
