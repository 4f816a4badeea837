import { describe, expect, it } from 'vitest';
import type { SourceRecord } from '../../src/define/connector.ts';
import { createId } from '../../src/shared/ids.ts';
import { createStore } from '../../src/store/store.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const tenant = 'acme';
const collection = 'things';

describe('records', () => {
  const start = useHarnesses('postgres');
  const makeRecords = (ids: readonly string[], data = {}): SourceRecord[] => ids.map((id) => ({ id, data }));
  const listKept = (harness: Harness) =>
    harness.sql<{ id: string; snapshotId: string; isDeleted: boolean }>(
      `select id, snapshot_id as "snapshotId", deleted_at is not null as "isDeleted"
       from longshore.records order by tenant, collection, id`,
    );

  it('are those of the newer snapshot, whoever writes last', async () => {
    const harness = await start([], { isFollower: true });
    const { records } = harness.program.services;
    const begin = () => records.beginSnapshot({ tenant, collection });
    const [older, newer] = [await begin(), await begin()];
    const ids = Array.from({ length: 300 }, (_, index) => `id ${index}`);
    const reversed = ids.toReversed();
    const outcomes = await Promise.allSettled([
      records.savePage({ tenant, collection, snapshotId: older, records: makeRecords(ids, { by: 'older' }) }),
      records.savePage({ tenant, collection, snapshotId: newer, records: makeRecords(reversed, { by: 'newer' }) }),
    ]);
    expect(outcomes[1]?.status).toBe('fulfilled');
    const kept = await listKept(harness);
    expect(kept).toHaveLength(300);
    expect(kept.every(({ snapshotId }) => snapshotId === newer)).toBe(true);
    const late = records.savePage({ tenant, collection, snapshotId: older, records: makeRecords(['unknown']) });
    await expect(late).rejects.toMatchObject({ name: 'NonRetryableError' });
    const marking = records.markUnseen({ tenant, collection, snapshotId: older }, { limit: 10 });
    await expect(marking).rejects.toMatchObject({ name: 'NonRetryableError' });
    expect(await listKept(harness)).toHaveLength(300); // the late page has left nothing
  });

  it('are those of the later snapshot also where the clock has gone back', async () => {
    const harness = await start([], { isFollower: true });
    const { records } = harness.program.services;
    const ahead = '02ffffff-0000-7000-8000-000000000000';
    await records.savePage({ tenant, collection, snapshotId: ahead, records: makeRecords(['a']) });
    const snapshotId = await records.beginSnapshot({ tenant, collection });
    expect(snapshotId > ahead).toBe(true);
    const saved = await records.savePage({ tenant, collection, snapshotId, records: makeRecords(['a']) });
    expect(saved).toMatchObject({ unchanged: 1 });
  });

  it('are stored page by page, wholly or not at all', async () => {
    const harness = await start([], { isFollower: true });
    const { records } = harness.program.services;
    const snapshotId = await records.beginSnapshot({ tenant, collection });
    const many = Array.from({ length: 2500 }, (_, index) => `id ${index}`);
    const page = { tenant, collection, snapshotId };
    expect(await records.savePage({ ...page, records: makeRecords(many) })).toMatchObject({ inserted: 2500 });
    const wrong = [
      [{ id: '', data: {} }],
      [{ id: 'a\u0000', data: {} }],
      [{ id: 'x'.repeat(501), data: {} }],
      [{ id: 'ok', data: [] as never }],
      [{ id: 'ok', data: { text: 'x'.repeat(1024 * 1024) } }],
      [{ id: 'ok', data: { 'a\u0000': 1 } }],
      makeRecords(Array.from({ length: 10_001 }, (_, index) => `more ${index}`)),
    ];
    for (const records_ of wrong) {
      await expect(
        records.savePage({ ...page, records: [...makeRecords(['first']), ...records_] }),
      ).rejects.toMatchObject({
        name: 'NonRetryableError',
      });
    }
    expect(await listKept(harness)).toHaveLength(2500);
  });

  it('are marked in batches when a newer snapshot has not seen them', async () => {
    const harness = await start([], { isFollower: true });
    const { records } = harness.program.services;
    const first = await records.beginSnapshot({ tenant, collection });
    const ids = Array.from({ length: 25 }, (_, index) => `id ${index}`);
    await records.savePage({ tenant, collection, snapshotId: first, records: makeRecords(ids) });
    await records.savePage({ tenant: 'other', collection, snapshotId: first, records: makeRecords(ids) });
    await records.savePage({ tenant, collection: 'others', snapshotId: first, records: makeRecords(ids) });
    const snapshotId = await records.beginSnapshot({ tenant, collection });
    await records.savePage({ tenant, collection, snapshotId, records: makeRecords(['id 3']) });
    const marked: number[] = [];
    for (const limit of [10, 10, 10])
      marked.push(await records.markUnseen({ tenant, collection, snapshotId }, { limit }));
    expect(marked).toEqual([10, 10, 4]);
    const kept = await listKept(harness);
    expect(kept.filter(({ isDeleted }) => isDeleted)).toHaveLength(24);
    expect(await records.isFilled({ tenant, collection })).toBe(true);
    expect(await records.isFilled({ tenant, collection: 'never' })).toBe(false);
  });

  it('are found by their keys, however many there are', async () => {
    const harness = await start([], { isFollower: true });
    const { database } = harness.engine.store;
    await harness.sql(
      `insert into longshore.records (tenant, collection, id, data, hash, snapshot_id)
       select 'tenant ' || g % 3, 'collection ' || g % 5, 'id ' || g, '{"n": 1}', 'x', $1::uuid
       from generate_series(1, 60000) as g`,
      [createId()],
    );
    await harness.sql('analyze longshore.records');
    const plans: string[] = [];
    const { records } = createStore({
      ...database,
      query: async (text, values) => {
        const rows = await database.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${text}`, values);
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
        return [];
      },
    });
    const snapshot = { tenant: 'tenant 1', collection: 'collection 1', snapshotId: createId() };
    const rows = Array.from({ length: 500 }, (_, index) => ({ id: `id ${index}`, data: '{}' }));
    await records.save(snapshot, rows).catch(() => undefined); // the plan is no row of counts
    await records.isOutdated(snapshot);
    await records.markUnseen(snapshot, 1000);
    await records.newestSnapshot(snapshot);
    expect(plans).toHaveLength(4);
    for (const plan of plans) expect(plan).not.toMatch(/Seq Scan on records/);
    expect(plans[0]).toMatch(/records_tenant_collection_id_pk/);
    expect(plans.slice(1).every((plan) => plan.includes('records_snapshot'))).toBe(true);
  });
});

describe('a query that is open', () => {
  const start = useHarnesses('postgres');

  it('has as many columns as PostgreSQL allows, and names the type of each', async () => {
    const { databaseUrl } = await start([], { isFollower: true });
    const { openCursor } = await import('../../src/store/query-cursor.ts');
    const columns = Array.from({ length: 1600 }, (_, index) => `${index}::numeric(10,2) as c${index}`);
    const sql = `select ${columns.join(', ')}; -- the end`;
    const query = await openCursor(databaseUrl, { sql, values: [], signal: new AbortController().signal });
    expect(query.columns).toHaveLength(1600);
    expect(query.columns[17]).toEqual({ name: 'c17', sqlType: 'numeric(10,2)', kind: 'numeric' });
    for await (const [row] of query.batches()) expect(row?.[17]).toBe('17.00');
    await query.close();
  });

  it('gives batches that are bounded in rows and in bytes, on a connection of its own', async () => {
    const harness = await start([], { isFollower: true });
    const url = harness.databaseUrl;
    const { openCursor } = await import('../../src/store/query-cursor.ts');
    const { signal } = new AbortController();
    const sizesOf = async (rows: number, textBytes: number) => {
      const sql = `select repeat('x', $2::int4) as text from generate_series(1, $1::int4)`;
      const query = await openCursor(url, { sql, values: [rows, textBytes], signal });
      const sizes: number[] = [];
      for await (const batch of query.batches()) sizes.push(batch.length);
      expect(query.estimatedRows).toBeGreaterThan(0);
      await query.close();
      return sizes;
    };
    const narrow = await sizesOf(10_000, 10);
    expect(narrow.slice(0, 4)).toEqual([50, 200, 800, 1000]);
    expect(Math.max(...narrow)).toBe(1000);
    const wide = await sizesOf(200, 100_000);
    expect(Math.max(...wide.slice(1))).toBe(20); // 2 MiB
    expect(wide.reduce((sum, size) => sum + size, 0)).toBe(200);
    const open = `select 1 from pg_stat_activity
      where datname = current_database() and application_name = 'longshore export'`;
    await waitFor(async () => (await harness.sql(open)).length === 0, { describe: 'its connections are closed' });
  });
});
