import { describe, expect, it } from 'vitest';
import type { JobFilter } from '../../src/contract/filter.ts';
import { createId } from '../../src/shared/ids.ts';
import { type Found, searchJobs } from '../../src/store/search.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { makeNewJob } from '../support/new-job.ts';

describe('the index of searches', () => {
  const start = useHarnesses('postgres');
  const list = async (harness: Harness, filter: JobFilter, limit = 200) =>
    (await harness.engine.store.jobs.list('all', filter, limit, null)).rows.map(({ id }) => id);
  const record = async (harness: Harness, count: number, more: Partial<ReturnType<typeof makeNewJob>> = {}) => {
    const jobs = Array.from({ length: count }, (_, n) =>
      makeNewJob({ type: 'index:job', queue: 'q', input: { n }, ...more }),
    );
    await harness.engine.store.jobs.insert(jobs);
    return jobs.map(({ id }) => id);
  };
  const countUnindexed = async (harness: Harness) => {
    const text = 'select coalesce(sum(cardinality(ids)), 0)::integer as count from longshore.search_unindexed';
    return (await harness.sql<{ count: number }>(text))[0]?.count;
  };

  it('is left alone for a few jobs, which are found all the same', async () => {
    const harness = await start([], { isFollower: true });
    const ids = await record(harness, 3);
    expect(await harness.engine.store.searchIndex.indexNoted(128)).toBe(0);
    expect(await countUnindexed(harness)).toBe(3);
    expect(await list(harness, { 'input.n': '1' })).toEqual([ids[1]]);
  });

  it('knows jobs that anybody inserts, and forgets a transaction that is rolled back', async () => {
    const harness = await start([], { isFollower: true });
    const insert = `insert into longshore.jobs (id, tenant, type, queue, status, input, max_attempts, timeout_ms)
      values ($1, 'default', 'sql:job', 'q', 'queued', '{}', 3, 1000)`;
    const id = createId();
    await harness.sql(insert, [id]);
    const undone = harness.engine.store.database.transaction(async (inner) => {
      await inner.query(insert, [createId()]);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await harness.engine.store.searchIndex.indexNoted(1)).toBe(1);
    expect(await list(harness, { type: 'sql:*' })).toEqual([id]);
  });

  it('is filled with the jobs from before it, newest first, while searches find them all', async () => {
    const harness = await start([], { isFollower: true });
    const ids = (await record(harness, 300, { tags: ['old'] })).reverse();
    // As an update of the program leaves it.
    await harness.sql('truncate longshore.search_unindexed');
    await harness.sql('insert into longshore.search_backfill (below) values ($1)', [ids[0]]);
    const newer = await record(harness, 1, { tags: ['old'] });
    const all = [...newer, ...ids];
    expect(await list(harness, { tag: ['old'] }, 400)).toEqual(all);
    expect(await list(harness, { tag: ['old'], 'input.n': '7' })).toEqual([ids[292]]);
    const state = await harness.sql<{ below: string }>('select below from longshore.search_backfill');
    expect(state).toEqual([{ below: ids[0] }]);
    let rounds = 0;
    for (; (await harness.engine.store.searchIndex.backfill()) > 0; rounds += 1) {
      expect(await list(harness, { tag: ['old'] }, 400)).toEqual(all);
    }
    expect(rounds).toBeGreaterThan(0);
    expect(await harness.sql('select below from longshore.search_backfill')).toEqual([]);
    expect(await list(harness, { tag: ['old'] }, 400)).toEqual(all);
  });

  it('finds a job by its new input once it was retried with one', async () => {
    const harness = await start([], { isFollower: true });
    const [id = ''] = await record(harness, 1, { input: { colour: 'red' } });
    await harness.engine.store.searchIndex.indexNoted(1);
    await harness.sql(`update longshore.jobs set status = 'cancelled', finished_at = now() where id = $1`, [id]);
    await harness.engine.store.retries.retry([{ id, input: { colour: 'blue' } }]);
    expect(await list(harness, { 'input.colour': 'blue' })).toEqual([id]);
    await harness.engine.store.searchIndex.indexNoted(1);
    expect(await list(harness, { 'input.colour': 'blue' })).toEqual([id]);
    expect(await list(harness, { 'input.colour': 'red' })).toEqual([]);
  });

  it('finds values and words of an input that is too large to be listed', async () => {
    const harness = await start([], { isFollower: true });
    const words = Array.from({ length: 30_000 }, (_, n) => `word${n * 7919}`);
    const [large] = await record(harness, 1, { input: { words, last: 'needle' } });
    await record(harness, 200);
    await harness.engine.store.searchIndex.indexNoted(1);
    expect(await list(harness, { q: 'word79190' })).toEqual([large]);
    expect(await list(harness, { 'input.last': 'needle' })).toEqual([large]);
    expect(await list(harness, { 'input.words.3': 'word23757' })).toEqual([large]);
    expect(await list(harness, { q: 'nothing like it' })).toEqual([]);
  });

  it('gives a page with fewer jobs, and where to go on, when it has looked at enough', async () => {
    const harness = await start([], { isFollower: true });
    const { database } = harness.engine.store;
    const [only = ''] = await record(harness, 1, { tags: ['red'] });
    await record(harness, 1500, { tags: ['red'] });
    const complete = `update longshore.jobs set status = 'completed', finished_at = now()`;
    await harness.sql(`${complete} where id = $1`, [only]);
    await record(harness, 10);
    await harness.sql(`${complete} where tags = '{}'`);
    await harness.engine.store.searchIndex.indexNoted(1);
    const filter: JobFilter = { status: ['completed'], tag: ['red'] };
    const search = { scope: 'all', filter, columns: 'j.id', limit: 5, maxLooked: 600 } as const;
    const pages: number[] = [];
    let beforeId: string | null = null;
    do {
      const found: Found<{ id: string }> = await searchJobs(database, { ...search, beforeId });
      pages.push(found.rows.length);
      beforeId = found.nextBeforeId;
    } while (beforeId !== null);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.slice(0, -1)).toEqual(pages.slice(1).map(() => 0));
    expect(pages.at(-1)).toBe(1);
  });

  it('loses chunks whose jobs are all gone', async () => {
    const harness = await start([], { isFollower: true });
    const ids = await record(harness, 200);
    await harness.engine.store.searchIndex.indexNoted(1);
    await harness.sql('delete from longshore.jobs where id = any($1::uuid[])', [ids.slice(0, 128)]);
    const last = await harness.engine.store.searchIndex.removeEmpty(0, 100);
    expect(await harness.engine.store.searchIndex.removeEmpty(last, 100)).toBe(0);
    expect(await harness.sql('select 1 from longshore.search_chunks')).toHaveLength(1);
    expect(await list(harness, { type: 'index:job' })).toEqual(ids.slice(128).reverse());
  });
});
