import { describe, expect, it } from 'vitest';
import type { LogLine } from '../../src/store/journal.ts';
import type { Settled } from '../../src/store/pipeline-wakes.ts';
import type { Store } from '../../src/store/store.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const low = '01980000-0000-7000-8000-000000000001';
const high = '01980000-0000-7000-8000-000000000002';
const lineOf = (jobId: string): LogLine => ({
  ...{ jobId, fence: 1, seq: 1, attempt: 1, level: 'info', message: 'a line', fields: null, atMs: 0 },
});

const early = '01980000-0000-7000-8000-000000000011';
const heldBack = '01980000-0000-7000-8000-000000000012';
const late = '01980000-0000-7000-8000-000000000013';

/** Two pipelines that wait: the early one has a job to start, the late one has slept enough. */
async function recordPipelines(harness: Harness): Promise<void> {
  await harness.sql(
    `insert into longshore.jobs
       (id, tenant, type, queue, status, input, max_attempts, timeout_ms, parent_id, step_key, step_index, started_at)
     values
       ($1, 'default', 'some:pipeline', 'some', 'waiting', 'null', 1, 1000, null, null, null, now()),
       ($2, 'default', 'some:job', 'some', 'waiting', 'null', 1, 1000, $1, 'many', 0, null),
       ($3, 'default', 'some:pipeline', 'some', 'waiting', 'null', 1, 1000, null, null, null, now())`,
    [early, heldBack, late],
  );
  await harness.sql(
    `with steps as (
       insert into longshore.pipeline_steps
         (pipeline_id, key, position, kind, name, input_hash, size, concurrency, wake_at, seen)
       values ($1, 'many', 0, 'all', 'some:job', '', 1, 1, null, 0), ($2, 'sleep#1', 0, 'sleep', 'sleep', '', 0, null, now(), 0)
     )
     insert into longshore.pipeline_news (pipeline_id, step_key)
     values ($1, 'many')`,
    [early, late],
  );
}

describe('statements that change several jobs', () => {
  const start = useHarnesses('postgres'); // no transport has a part in it

  /** The worker is none that lives: a leader would rescue its runs. */
  const record = (harness: Harness, status: 'queued' | 'processing') =>
    harness.sql(
      `insert into longshore.jobs
         (id, tenant, type, queue, status, input, max_attempts, timeout_ms, fence, worker, started_at, dispatched_at)
       select id, 'default', 'some:job', 'some', $2, 'null', 1, 1000, 1, 'some worker', now(), now()
       from unnest($1::uuid[]) as ids(id)`,
      [[high, low], status],
    );

  it.each<[string, 'queued' | 'processing', (store: Store) => Promise<unknown>]>([
    ['put back', 'queued', ({ backlog }) => backlog.putBack([high, low].map((id) => ({ id, delivery: 1 })))],
    ['hand over anew', 'queued', ({ drift }) => drift.redeliver([high, low].map((id) => ({ id, delivery: 1 })))],
    [
      'store progress',
      'processing',
      ({ journal }) =>
        journal.saveProgress([high, low].map((jobId) => ({ jobId, fence: 1, seq: 1, percent: 50, message: null }))),
    ],
    ['store lines', 'processing', ({ journal }) => journal.addLogs([high, low].map(lineOf))],
  ])('never wait for each other in a circle: those that %s', async (_what, status, change) => {
    const harness = await start([], { isFollower: true });
    await record(harness, status);
    const { store } = harness.engine;
    let changed: Promise<unknown> | undefined;
    // As a bulk action does it: by id.
    await store.database.transaction(async (other) => {
      const lock = (id: string) => other.query(`select 1 from longshore.jobs where id = $1 for update`, [id]);
      await lock(low);
      changed = change(store);
      await waitFor(() => harness.countLockWaits(), { describe: 'it waits' });
      await lock(high);
    });
    await changed;
  });

  it('and start what a step holds back are tried again when they do', async () => {
    const harness = await start([], { isFollower: true });
    await harness.engine.waker.stop(); // the test does what it does
    const { store } = harness.engine;
    await recordPipelines(harness);
    let settled: Promise<Settled> | undefined;
    // As a bulk cancel does it: a job that waits for its turn first, and then a pipeline that came later.
    await store.database.transaction(async (other) => {
      const lock = (id: string) => other.query(`select 1 from longshore.jobs where id = $1 for update`, [id]);
      await other.query(`set local deadlock_timeout = '1min'`); // the other one is to give way
      await lock(heldBack);
      settled = store.pipelineWakes.settle(100);
      await waitFor(() => harness.countLockWaits(), { describe: 'it waits' });
      await lock(late);
    });
    expect(await settled).toMatchObject({ woken: [{ id: late }], released: [{ id: heldBack }] });
  });

  it('keep the lines of a job although another one is deleted at that moment', async () => {
    const harness = await start([], { isFollower: true });
    await record(harness, 'processing');
    const { store } = harness.engine;
    let stored: Promise<unknown> | undefined;
    await store.database.transaction(async (other) => {
      await other.query(`delete from longshore.jobs where id = $1`, [low]);
      stored = store.journal.addLogs([low, high].map(lineOf));
      await waitFor(() => harness.countLockWaits(), { describe: 'it waits' });
    });
    await stored;
    expect(await store.journal.logs(high, { fence: 0, seq: 0 }, 10)).toMatchObject([{ message: 'a line' }]);
  });
});
