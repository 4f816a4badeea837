import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StatsResource } from '../../src/contract/program.ts';
import { readNotes } from '../support/notes.ts';
import { runSql } from '../support/postgres.ts';
import { install, startProxy } from './setup.ts';

const JOBS = 10;

describe("kill -9 between the row's commit and BullMQ's add", () => {
  it('loses no job that was answered with 202: each is handed over again and runs once', async () => {
    const installation = await install({ transport: 'bullmq' });
    const note = join(installation.folder, 'note');
    const redis = await startProxy(installation.settings.REDIS_URL);
    const doomed = await installation.start({
      MODE: 'api',
      REDIS_URL: redis.route(installation.settings.REDIS_URL ?? ''),
    });
    redis.stall(); // from here on nothing that it adds arrives
    const jobs = [];
    for (let n = 0; n < JOBS; n += 1) jobs.push(await doomed.enqueue('test:work', { ms: 0, note }));
    const rows = await runSql<{ status: string; isHandedOver: boolean }>(
      installation.settings.DATABASE_URL ?? '',
      `select status, dispatched_at is not null as "isHandedOver" from longshore.jobs`,
    );
    expect(rows).toEqual(jobs.map(() => ({ status: 'queued', isHandedOver: true })));
    await doomed.stop('SIGKILL');

    const api = await installation.start({ MODE: 'all' });
    for (const { id } of jobs) {
      expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(await api.outcomes(id)).toEqual(['completed']);
    }
    expect(readNotes(note)).toEqual(new Map(jobs.map(({ id }) => [id, ['started', 'ended']])));
    const { drift } = (await api.call<StatsResource>('/v1/stats')).body;
    expect(Object.values(drift).reduce((sum, count) => sum + count, 0)).toBe(JOBS);
    expect(api.log.some(({ message }) => String(message).startsWith('drift: '))).toBe(true);
  });
});
