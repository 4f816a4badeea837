import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { readNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { install } from './setup.ts';

const CLOCK = fileURLToPath(new URL('../support/shifted-clock.ts', import.meta.url));
const JOBS = 6;
const ATTEMPTS = 3;
const BACKOFF_MS = 2000;
/** How much too early a retry may be. */
const TOLERANCE_MS = 1100;
/** How late: far less than the minute by which the clock is off. */
const PATIENCE_MS = 20_000;

const withClock = (shiftMs: number) => ({ NODE_OPTIONS: `--import=${CLOCK}`, CLOCK_SHIFT_MS: String(shiftMs) });

describe.each<[string, TransportName, number]>([
  ['ahead', 'postgres', 60_000],
  ['behind', 'postgres', -60_000],
  ['ahead', 'bullmq', 60_000],
  ['behind', 'bullmq', -60_000],
])('a worker whose clock is a minute %s, on the %s transport', (_name, transport, shiftMs) => {
  it('runs no job and no retry before its time, loses none, and is not taken for dead', async () => {
    const installation = await install({ transport, settings: { QUEUE_CONCURRENCY: '2' } });
    const note = join(installation.folder, 'note');
    const api = await installation.start({ MODE: 'api' });
    const clocks = [withClock(shiftMs), {}];
    await Promise.all(clocks.map((clock) => installation.start({ MODE: 'worker', ...clock })));
    const backoff = { type: 'fixed', delayMs: BACKOFF_MS } as const;
    const jobs = [];
    for (let n = 0; n < JOBS; n += 1) {
      jobs.push(await api.enqueue('test:stubborn', { note }, { attempts: ATTEMPTS, backoff, delayMs: 500 }));
    }
    await waitFor(() => readNotes(note).size === JOBS, { describe: 'all have run once', timeoutMs: PATIENCE_MS });
    for (const { id, runAt } of jobs) {
      expect(await api.jobEnded(id, PATIENCE_MS)).toMatchObject({ status: 'completed', attempt: ATTEMPTS });
      expect(await api.outcomes(id)).toEqual(['retrying', 'retrying', 'completed']);
      const starts = (readNotes(note).get(id) ?? []).map(Number);
      expect(starts).toHaveLength(ATTEMPTS);
      const [first = 0, second = 0, third = 0] = starts;
      expect(first).toBeGreaterThan(Date.parse(runAt) - TOLERANCE_MS);
      expect(second - first).toBeGreaterThan(BACKOFF_MS - TOLERANCE_MS);
      expect(third - second).toBeGreaterThan(BACKOFF_MS - TOLERANCE_MS);
    }
  });
});
