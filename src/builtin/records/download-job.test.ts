import { describe, expect, it } from 'vitest';
import { type ConnectorPage, type ConnectorRun, defineConnector } from '../../define/connector.ts';
import type { RecordPage, Records } from '../../define/records.ts';
import { runJob } from '../../testing.ts';
import { recordsDownload } from './download-job.ts';

const page = (ids: string[], cursor: unknown, more: Partial<ConnectorPage> = {}): ConnectorPage => ({
  records: ids.map((id) => ({ id, data: {} })),
  cursor,
  ...more,
});

/** Runs the job with a connector that gives these pages, and keeps what it was asked for. */
function prepare(pages: (run: ConnectorRun<unknown>) => AsyncGenerator<ConnectorPage>) {
  const saved: RecordPage[] = [];
  const cursors: unknown[] = [];
  let snapshots = 0;
  const records: Records = {
    async beginSnapshot() {
      snapshots += 1;
      return `0190a5c0-0000-7000-8000-00000000000${snapshots}`;
    },
    async savePage(given) {
      saved.push(given);
      return { inserted: given.records.length, updated: 0, unchanged: 0, restored: 0, repeated: 0 };
    },
    markUnseen: async () => 2,
    isFilled: async () => true,
  };
  const connector = defineConnector({
    name: 'own',
    async *pages(run) {
      cursors.push(run.cursor);
      yield* pages(run as ConnectorRun<unknown>);
    },
  });
  const connectors = {
    find: async () => connector,
    resolve: async (_name: string, parameters: unknown) => ({ connector, parameters }),
    secret: () => 'secret',
  };
  const fetch = async () => Response.error();
  const run = (input: object = {}, lastCheckpoint?: unknown) =>
    runJob(
      recordsDownload,
      { collection: 'things', connector: 'own', ...input },
      {
        services: { records, connectors, fetch },
        known: { connectors: [connector] },
        job: { tenant: 'acme' },
        ...(lastCheckpoint ? { lastCheckpoint } : {}),
      },
    );
  return { run, saved, cursors };
}

/** The checkpoint of a run that has stored two pages. */
async function makeState() {
  return {
    fingerprint: await fingerprint(),
    snapshotId: '0190a5c0-0000-7000-8000-000000000009',
    cursor: 2,
    isComplete: false,
    stats: { pages: 2, seen: 2, inserted: 2, updated: 0, unchanged: 0, restored: 0, repeated: 0, deleted: 0 },
  };
}

/** As a run with the same input writes it. */
async function fingerprint(): Promise<string> {
  const { run } = prepare(async function* () {
    yield page([], null);
  });
  const { checkpoints } = await run({ allowEmpty: true });
  return (checkpoints[0] as { fingerprint: string }).fingerprint;
}

describe('records:download', () => {
  it('keeps the snapshot before the first page, and the cursor after each', async () => {
    const { run, saved } = prepare(async function* () {
      yield page(['a', 'b'], 1, { total: 3 });
      yield page(['c'], null, { total: 3 });
    });
    const { output, checkpoints, progress } = await run();
    expect(output).toMatchObject({ pages: 2, seen: 3, inserted: 3, deleted: 2, cursor: 1 });
    expect(checkpoints).toMatchObject([
      { cursor: null, isComplete: false, stats: { pages: 0 } },
      { cursor: 1, isComplete: false, stats: { pages: 1, seen: 2 } },
      { cursor: 1, isComplete: true, stats: { pages: 2, seen: 3 } },
      { isComplete: true, stats: { deleted: 2 } },
    ]);
    expect(new Set(checkpoints.map((state) => (state as { snapshotId: string }).snapshotId)).size).toBe(1);
    expect(saved.every(({ tenant, collection }) => tenant === 'acme' && collection === 'things')).toBe(true);
    expect(progress.map(({ percent }) => percent)).toEqual([66, 99, 100]);
  });

  it('goes on behind the last page, under the same snapshot', async () => {
    const kept = await makeState();
    const { run, saved, cursors } = prepare(async function* () {
      yield page(['c', 'd'], null);
    });
    const { output } = await run({}, kept);
    expect(cursors).toEqual([2]);
    expect(output).toMatchObject({ pages: 3, seen: 4, snapshotId: '0190a5c0-0000-7000-8000-000000000009' });
    expect(saved.map(({ snapshotId }) => snapshotId)).toEqual(['0190a5c0-0000-7000-8000-000000000009']);
  });

  it('reads nothing again when only the deletions are left', async () => {
    const kept = { ...(await makeState()), isComplete: true };
    const { run, cursors } = prepare(async function* () {});
    expect((await run({}, kept)).output).toMatchObject({ seen: 2, deleted: 2 });
    expect(cursors).toEqual([]);
  });

  it('begins anew with another input, and where the source says that it has changed', async () => {
    const kept = await makeState();
    const other = prepare(async function* () {
      yield page(['x'], null);
    });
    expect((await other.run({ collection: 'others' }, kept)).output).toMatchObject({ pages: 1, seen: 1 });
    expect(other.cursors).toEqual([null]);
    const changed = prepare(async function* () {
      yield page(['y'], null, { isAnew: true });
    });
    const { output } = await changed.run({}, kept);
    expect(output).toMatchObject({ pages: 1, seen: 1, snapshotId: '0190a5c0-0000-7000-8000-000000000001' });
  });

  it('begins an incremental download where it is told to, and tells where the next one begins', async () => {
    const { run, cursors } = prepare(async function* () {
      yield page(['a'], { after: 'a' });
    });
    const { output } = await run({ mode: 'incremental', cursor: { after: 'Z' } });
    expect(cursors).toEqual([{ after: 'Z' }]);
    expect(output).toMatchObject({ cursor: { after: 'a' }, deleted: 0 });
    await expect(run({ mode: 'full', cursor: 1 })).rejects.toMatchObject({ code: 'INVALID_FIELDS' });
  });

  it('refuses a connector that is not there, and parameters that it does not take', async () => {
    const { run } = prepare(async function* () {});
    await expect(run({ connector: 'other' })).rejects.toMatchObject({
      errors: [{ path: 'input.connector', message: 'there is no connector "other"; there are: own' }],
    });
    await expect(run({ parameters: { a: 1 } })).rejects.toMatchObject({
      errors: [{ path: 'input.parameters.a', message: expect.stringContaining('is not known here') }],
    });
  });
});
