import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BulkAnswer } from '../../src/contract/bulk.ts';
import type { TransportName } from '../../src/define/queue.ts';
import type { Installation, Program } from '../support/program.ts';
import { allEnded, FOUR, keepWorkers, query, resultOf } from './pipelines.ts';
import { install } from './setup.ts';

/** Enqueues pipelines of four stages. @returns their ids, in the order of n */
async function enqueueMany(api: Program, count: number, input: object = {}): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_none, n) => ({ type: 'stage:four', input: { n, ...input } }));
  const { body } = await api.call<BulkAnswer>('/v1/jobs/bulk', { json: { jobs } });
  expect(body).toMatchObject({ accepted: count });
  return body.ids;
}

/** Checks that each has its result, and each of its steps completed once. */
async function expectAll(installation: Installation, ids: readonly string[]): Promise<void> {
  const rows = await query<{ id: string; status: string; output: unknown; error: unknown }>(
    installation,
    'select id, status, output, error from longshore.jobs where parent_id is null order by id',
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  expect(ids.map((id) => byId.get(id))).toEqual(
    ids.map((id, n) => ({ id, status: 'completed', output: resultOf(n), error: null })),
  );
  const steps = await query<{ step: string; status: string; count: number }>(
    installation,
    `select step_key || coalesce('[' || step_index || ']', '') as step, status, count(*)::integer as count
     from longshore.jobs
     where parent_id is not null
     group by 1, 2
     order by 1`,
  );
  expect(steps).toEqual(FOUR.map((step) => ({ step, status: 'completed', count: ids.length })));
  expect(await query(installation, 'select 1 from longshore.pipeline_steps where settled is null')).toEqual([]);
}

describe.each<TransportName>(['postgres', 'bullmq'])('very many pipelines, on the %s transport', (transport) => {
  it('500 of four stages finish on two workers, each step once', { timeout: 320_000 }, async () => {
    // Nobody is killed here, and a machine that is busy with all this must not take a worker for dead.
    const installation = await install({ transport, settings: { QUEUE_CONCURRENCY: '20', LOCK_DURATION_MS: '60000' } });
    const api = await installation.start({ MODE: 'api' });
    await Promise.all([installation.start({ MODE: 'worker' }), installation.start({ MODE: 'worker' })]);
    const ids = await enqueueMany(api, 500);
    await allEnded(installation, 280_000);
    await expectAll(installation, ids);
  });

  it('finish although their workers are killed again and again, each step once', { timeout: 240_000 }, async () => {
    // One job at a time: no job is hit so often that it counts as the one that takes its workers down.
    const installation = await install({ transport, settings: { QUEUE_CONCURRENCY: '1' } });
    const deaths = join(installation.folder, 'deaths');
    const api = await installation.start({ MODE: 'api' });
    keepWorkers(installation, 3);
    const ids = await enqueueMany(api, 24, {
      deaths,
      dieAt: ['after 1', 'during 2', 'after 2', 'during 3', 'before 4'],
    });
    await allEnded(installation, 200_000);
    await expectAll(installation, ids);
  });
});
