import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createBulkAction } from '../../src/engine/bulk-actions.ts';
import type { Caller } from '../../src/engine/engine.ts';
import { findFile, removeJobFiles } from '../../src/engine/files.ts';
import { removeExpiredJobs } from '../../src/engine/upkeep/retention.ts';
import { sweepFiles } from '../../src/engine/upkeep/sweep-files.ts';
import { defineJob } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import { folderOfJob } from '../../src/storage/job-folders.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const makeNote = defineJob({
  type: 'file:note',
  input: z.null(),
  run: async (_input, { files }) => (await files.create('note.txt', 'hello')).key,
});
const jobs = [makeNote];

const acme: Caller = { scope: { tenant: 'acme' }, actor: 'test' };
const other: Caller = { scope: { tenant: 'other' }, actor: 'test' };

function dirOf({ engine }: Harness): string {
  const { settings } = engine.storage;
  if (settings.kind !== 'local') throw new Error('the files do not lie in a folder');
  return settings.dir;
}

const folderOf = (harness: Harness, id: string, tenant = 'acme') => folderOfJob(dirOf(harness), { tenant, id });

/** A job that has ended and has made a file. */
async function makeOne(harness: Harness): Promise<string> {
  const { id } = await harness.enqueue(makeNote, null, { tenant: 'acme' });
  expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: `${id}-note.txt` });
  expect(existsSync(join(folderOf(harness, id), 'note.txt'))).toBe(true);
  return id;
}

/** The folder of a job that the record does not know, so many hours old. */
function leave(harness: Harness, hours: number): string {
  const folder = folderOf(harness, createId());
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'left.txt'), '');
  const at = new Date(Date.now() - hours * 3_600_000);
  for (const path of [join(folder, 'left.txt'), folder]) utimesSync(path, at, at);
  return folder;
}

describe('files of jobs', () => {
  const start = useHarnesses('postgres');
  /** Nobody but the test removes anything. */
  const startQuietly = async () => {
    const harness = await start(jobs, { isFollower: true });
    await harness.startWorker();
    return harness;
  };

  it('are found by those who may see their job, and by nobody else', async () => {
    const harness = await startQuietly();
    const id = await makeOne(harness);
    const key = `${id}-note.txt`;
    const found = { address: { tenant: 'acme', id, name: 'note.txt' }, facts: { bytes: 5 } };
    expect(await findFile(harness.engine, everyone, key)).toMatchObject(found);
    expect(await findFile(harness.engine, acme, key)).toMatchObject(found);
    await expect(findFile(harness.engine, other, key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    // Not even a file that lies where the caller's own would.
    mkdirSync(folderOf(harness, id, 'other'), { recursive: true });
    writeFileSync(join(folderOf(harness, id, 'other'), 'note.txt'), 'forged');
    await expect(findFile(harness.engine, other, key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are not found under hidden names, through links, or by a path', async () => {
    const harness = await startQuietly();
    const id = await makeOne(harness);
    const folder = folderOf(harness, id);
    writeFileSync(join(folder, '.1.x.note.txt'), 'half');
    mkdirSync(join(folder, 'folder'));
    symlinkSync('/etc/hostname', join(folder, 'link'));
    const names = ['.1.x.note.txt', 'folder', 'link', 'missing', '../note.txt', 'folder/../note.txt', '', '.', '..'];
    const keys = [...names.map((name) => `${id}-${name}`), id, '', 'note.txt', `${id}/note.txt`, `../${id}-note.txt`];
    for (const key of keys) {
      await expect(findFile(harness.engine, everyone, key), key).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    const missing = findFile(harness.engine, everyone, `${id}-missing`);
    await expect(missing).rejects.toThrow(/the API and all workers must share one/);
  });

  it('go with their job when it is too old', async () => {
    const harness = await startQuietly();
    const [old, young] = [await makeOne(harness), await makeOne(harness)];
    await harness.sql(`update longshore.jobs set finished_at = now() - interval '8 days' where id = $1`, [old]);
    await removeExpiredJobs(harness.engine, { completedDays: 7, failedDays: 30 });
    expect(existsSync(folderOf(harness, old))).toBe(false);
    expect(existsSync(folderOf(harness, young))).toBe(true);
  });

  it('go with their job when it is deleted', async () => {
    const harness = await start(jobs);
    await harness.startWorker();
    const [first, second] = [await makeOne(harness), await makeOne(harness)];
    const request = { action: 'delete' as const, filter: { ids: [first] }, dryRun: false };
    await createBulkAction(harness.engine, everyone, request, createId());
    await waitFor(() => !existsSync(folderOf(harness, first)), { describe: 'the files are gone' });
    expect(existsSync(folderOf(harness, second))).toBe(true);
  });

  it('stay, with one line in the log, where they cannot be removed', async () => {
    const harness = await startQuietly();
    const ids = [await makeOne(harness), createId()];
    const isTooLong = { id: 'x'.repeat(300), tenant: 'acme' };
    await removeJobFiles(harness.engine, [isTooLong, ...ids.map((id) => ({ id, tenant: 'acme' }))]);
    const lines = harness.lines().filter(({ message }) => message.includes('could not be removed'));
    expect(lines).toMatchObject([{ level: 'warn', jobs: 1 }]);
    expect(existsSync(folderOf(harness, ids[0] ?? ''))).toBe(false);
  });

  it('are swept up when their job has been gone for long', async () => {
    const harness = await startQuietly();
    const kept = folderOf(harness, await makeOne(harness));
    utimesSync(kept, 0, 0);
    const [old, young] = [leave(harness, 25), leave(harness, 23)];
    mkdirSync(join(dirname(kept), 'mine')); // no folder of a job
    await sweepFiles(harness.engine);
    expect([kept, old, young, join(dirname(kept), 'mine')].map(existsSync)).toEqual([true, false, true, true]);
    expect(harness.lines()).toContainEqual(
      expect.objectContaining({ message: 'removed files of jobs that are gone', tenants: ['acme'], jobs: 1 }),
    );
  });

  it('are not swept up where another installation keeps its files too', async () => {
    const first = await startQuietly();
    await makeOne(first);
    await sweepFiles(first.engine);
    const settings = { STORAGE_DIR: dirOf(first) };
    const second = await start(jobs, { isFollower: true, settings });
    const left = leave(first, 1000);
    await sweepFiles(second.engine);
    await sweepFiles(first.engine);
    expect(existsSync(left)).toBe(true);
    expect(readdirSync(join(settings.STORAGE_DIR, '.jobs')).filter((name) => name.startsWith('.'))).toHaveLength(2);
  });

  it('need no folder before there are any', async () => {
    const harness = await startQuietly();
    expect(await sweepFiles(harness.engine)).toBeGreaterThan(60_000);
    expect(existsSync(dirOf(harness))).toBe(false);
  });
});
