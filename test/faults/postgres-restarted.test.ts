import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes } from '../support/notes.ts';
import { runSql } from '../support/postgres.ts';
import type { StopMode } from '../support/private-postgres.ts';
import type { Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, LOCK_DURATION_MS, startOwnPostgres } from './setup.ts';

const CALLERS = 4;

/** Enqueues as fast as answers come until it is told to stop. @returns the status of every call, by its number */
function startLoad(api: Program, note: string): { statuses: Map<number, number>; stop(): Promise<void> } {
  const statuses = new Map<number, number>();
  let isStopping = false;
  let next = 0;
  const call = async () => {
    while (!isStopping) {
      next += 1;
      const number = next;
      const options = { metadata: { number } };
      const { status } = await api.call<JobResource>('/v1/jobs', {
        json: { type: 'test:work', input: { ms: 0, note }, options },
      });
      statuses.set(number, status);
    }
  };
  const calls = Promise.all(Array.from({ length: CALLERS }, call));
  return {
    statuses,
    async stop() {
      isStopping = true;
      await calls;
    },
  };
}

describe.each<[StopMode, TransportName]>([
  ['fast', 'postgres'],
  ['immediate', 'postgres'],
  ['fast', 'bullmq'],
  ['immediate', 'bullmq'],
])('a PostgreSQL that is restarted (%s) under load, on the %s transport', (mode, transport) => {
  it('keeps every job that was answered with 202, refuses others with 503, and rescues no run of a live worker', async () => {
    const postgres = await startOwnPostgres();
    const installation = await install({ transport, databaseUrl: postgres.url });
    const [note, held] = ['note', 'held'].map((name) => join(installation.folder, name)) as [string, string];
    const path = installation.nextGate();
    const api = await installation.start({ MODE: 'api' });
    const worker = await installation.start({ MODE: 'worker' });
    const { id } = await api.enqueue('test:gate', { path, note: held });
    await waitFor(() => countNotes(held, 'started') === 1, { describe: 'a job runs' });
    const load = startLoad(api, note);
    const has = (status: number, more: number) => {
      const count = () => [...load.statuses.values()].filter((each) => each === status).length;
      const wanted = count() + more;
      return waitFor(() => count() >= wanted, { describe: `${more} more answers ${status}` });
    };
    await has(202, 50);

    const stoppedAt = performance.now();
    await postgres.stop(mode);
    await has(503, 5);
    // Longer than the lease of the worker, which lives and can tell nobody.
    await waitFor(() => performance.now() - stoppedAt > LOCK_DURATION_MS + 500, { describe: 'the lease is over' });
    await postgres.start();
    await has(202, 50);
    await load.stop();

    expect(new Set(load.statuses.values())).toEqual(new Set([202, 503]));
    const stored = await runSql<{ number: number }>(
      postgres.url,
      `select (metadata ->> 'number')::integer as number from longshore.jobs where metadata ? 'number'`,
    );
    const numbers = stored.map(({ number }) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    const accepted = [...load.statuses].filter(([, status]) => status === 202).map(([number]) => number);
    expect(accepted.filter((number) => !numbers.includes(number))).toEqual([]);
    // A commit whose answer was lost with the connection: at most one for every call that was under way.
    expect(numbers.length - accepted.length).toBeLessThanOrEqual(CALLERS);

    await waitFor(async () => (await countOpen(postgres.url)) === 1, { describe: 'all but the held job have ended' });
    writeFileSync(path, '');
    expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await api.outcomes(id)).toEqual(['completed']);
    expect(countNotes(held, 'started')).toBe(1);
    for (const program of [api, worker]) expect(program.hasEnded).toBe(false);
  });
});

async function countOpen(url: string): Promise<number> {
  const [row] = await runSql<{ count: number }>(
    url,
    `select count(*)::integer from longshore.jobs where status <> 'completed'`,
  );
  return row?.count ?? 0;
}
