import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Caller, Engine } from '../../src/engine/engine.ts';
import { findFile } from '../../src/engine/files.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { createFileExpiry } from '../../src/engine/upkeep/expire-files.ts';
import { sweepFiles } from '../../src/engine/upkeep/sweep-files.ts';
import { deleteUpload, keepUpload, type UploadRequest } from '../../src/engine/uploads.ts';
import { defineJob, NonRetryableError } from '../../src/index.ts';
import { toFileKey } from '../../src/shared/file-keys.ts';
import { createId } from '../../src/shared/ids.ts';
import { folderOfJob } from '../../src/storage/job-folders.ts';
import type { FileStorage } from '../../src/storage/storage.ts';
import { everyone, Harness, useHarnesses } from '../support/harness.ts';
import { type S3Server, startS3Server } from '../support/s3-server.ts';
import { waitFor } from '../support/wait-for.ts';

const makeNote = defineJob({
  type: 'file:note',
  input: z.object({ text: z.string(), expiresInMs: z.int().optional(), fails: z.boolean().default(false) }),
  run: async ({ text: content, expiresInMs, fails }, { files }) => {
    const { key } = await files.create('note.txt', content, { expiresInMs, contentType: 'text/x-note' });
    if (fails) throw new NonRetryableError('the file is made, the job is not done');
    return key;
  },
});

const acme: Caller = { scope: { tenant: 'acme' }, actor: 'test' };
const other: Caller = { scope: { tenant: 'other' }, actor: 'test' };
const HOUR_MS = 3_600_000;

describe.each(['a folder', 'a bucket'])('files that are kept in %s', (where) => {
  const start = useHarnesses('postgres');
  let server: S3Server;

  beforeAll(async () => {
    server = await startS3Server();
  });
  afterAll(() => server?.stop());
  beforeEach(() => {
    for (const [name, value] of Object.entries(server.credentials)) vi.stubEnv(name, value);
  });
  afterEach(() => vi.unstubAllEnvs());

  /** Nobody but the test removes anything. */
  async function startQuietly(): Promise<Harness> {
    const settings: Record<string, string> = where === 'a bucket' ? { STORAGE_URL: server.url } : {};
    const harness = await start([makeNote], { isFollower: true, settings });
    await harness.startWorker();
    return harness;
  }

  async function make(
    harness: Harness,
    input: { expiresInMs?: number; fails?: true } = {},
  ): Promise<{ id: string; key: string }> {
    const { id } = await harness.enqueue(makeNote, { text: 'first', ...input }, { tenant: 'acme' });
    expect(await harness.ended(id)).toMatchObject({ status: input.fails ? 'failed' : 'completed' });
    return { id, key: `${id}-note.txt` };
  }

  async function upload(engine: Engine, more: Partial<UploadRequest> = {}, id = createId()): Promise<string> {
    async function* content() {
      yield Buffer.from('uploaded');
    }
    const request = {
      name: 'a.txt',
      contentType: undefined,
      tenant: undefined,
      expiresInMs: undefined,
      content: content(),
    };
    return toFileKey(await keepUpload(engine, acme, { ...request, ...more }, id));
  }

  async function read(engine: Engine, caller: Caller, key: string): Promise<string> {
    const { address } = await findFile(engine, caller, key);
    const opened = await engine.storage.open(address);
    return opened ? text(opened.stream) : '';
  }

  const expire = (harness: Harness, key: string) =>
    harness.sql(`update longshore.files set expires_at = now() - interval '1 minute' where id = $1`, [
      key.slice(0, 36),
    ]);
  const rows = (harness: Harness) => harness.sql<{ name: string }>('select name from longshore.files');

  async function listIds(engine: Engine): Promise<string[]> {
    const ids: string[] = [];
    for await (const { id } of engine.storage.list()) ids.push(id);
    return ids;
  }

  it('are those of the call that comes to its end, when another one with the same id breaks off', async () => {
    const { engine } = await startQuietly();
    const id = createId();
    const begun = Promise.withResolvers<void>();
    const [broken, more] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    async function* cut() {
      yield Buffer.from('first');
      begun.resolve();
      await broken.promise;
    }
    async function* whole() {
      yield Buffer.from('second ');
      broken.reject(new Error('the first one broke off'));
      await more.promise;
      yield Buffer.from('try');
    }
    const request = {
      name: 'a.txt',
      contentType: undefined,
      tenant: undefined,
      expiresInMs: undefined,
      isShared: true,
    };
    const first = keepUpload(engine, acme, { ...request, content: cut() }, id);
    await begun.promise;
    const second = keepUpload(engine, acme, { ...request, content: whole() }, id);
    await expect(first).rejects.toThrow('broke off');
    more.resolve();
    await second;
    expect(await read(engine, acme, toFileKey({ id, name: 'a.txt' }))).toBe('second try');
  });

  it('go when they have expired, and say so; a retry of the job makes them anew', async () => {
    const harness = await startQuietly();
    const { engine } = harness;
    const [{ id, key }, young] = [
      await make(harness, { expiresInMs: HOUR_MS, fails: true }),
      await make(harness, { expiresInMs: HOUR_MS }),
    ];
    expect(await read(engine, acme, key)).toBe('first');
    await expire(harness, key);
    const gone = { code: 'NOT_FOUND', message: expect.stringContaining(`the file ${key} has expired at `) };
    await expect(findFile(engine, acme, key)).rejects.toMatchObject(gone); // also before anybody has removed it
    expect(await listIds(engine)).toContain(id);
    await createFileExpiry(engine)();
    expect(await listIds(engine)).not.toContain(id);
    await expect(findFile(engine, acme, key)).rejects.toMatchObject(gone);
    expect(await read(engine, acme, young.key)).toBe('first');
    await retryJob(engine, everyone, id, { input: { text: 'second', expiresInMs: HOUR_MS } });
    await harness.has(id, 'completed');
    expect(await read(engine, acme, key)).toBe('second');
    await createFileExpiry(engine)();
    expect(await read(engine, acme, key)).toBe('second');
  });

  it('do not expire any more when a retry makes them without an expiry', async () => {
    const harness = await startQuietly();
    const { id, key } = await make(harness, { expiresInMs: HOUR_MS, fails: true });
    expect(await rows(harness)).toHaveLength(1);
    await retryJob(harness.engine, everyone, id, { input: { text: 'second' } });
    await harness.has(id, 'completed');
    expect(await rows(harness)).toEqual([]);
    expect(await findFile(harness.engine, acme, key)).toMatchObject({
      facts: { contentType: 'text/x-note', bytes: 6 },
    });
  });

  it('stay on the list where the storage fails, and are removed the next time', async () => {
    const harness = await startQuietly();
    const { engine } = harness;
    const { id, key } = await make(harness, { expiresInMs: HOUR_MS });
    await expire(harness, key);
    const remove = () => Promise.reject(new Error('the storage is away'));
    await createFileExpiry({ ...engine, storage: { ...engine.storage, remove } })();
    expect(harness.lines()).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        message: expect.stringContaining('they will be tried again'),
        files: 1,
      }),
    );
    expect(await listIds(engine)).toContain(id);
    await createFileExpiry(engine)();
    expect(await listIds(engine)).not.toContain(id);
  });

  it('are removed although older ones cannot be', async () => {
    const harness = await startQuietly();
    const { engine } = harness;
    const { id, key } = await make(harness, { expiresInMs: HOUR_MS });
    await expire(harness, key);
    await harness.sql(
      `insert into longshore.files (id, name, tenant, is_upload, bytes, expires_at)
       select gen_random_uuid(), 'stuck.txt', 'acme', true, 1, now() - interval '1 day' from generate_series(1, 20)`,
    );
    const remove: FileStorage['remove'] = (address) =>
      address.name === 'stuck.txt' ? Promise.reject(new Error('not permitted')) : engine.storage.remove(address);
    const expireFiles = createFileExpiry({ ...engine, storage: { ...engine.storage, remove } });
    await expireFiles();
    await expireFiles();
    expect(await listIds(engine)).not.toContain(id);
    expect(await harness.sql('select removed_at from longshore.files where removed_at is not null')).toHaveLength(1);
  });

  it('are forgotten a month after they were removed', async () => {
    const harness = await startQuietly();
    const { key } = await make(harness, { expiresInMs: HOUR_MS });
    await expire(harness, key);
    await createFileExpiry(harness.engine)();
    expect(await rows(harness)).toHaveLength(1);
    await harness.sql(`update longshore.files set removed_at = now() - interval '31 days'`);
    await createFileExpiry(harness.engine)();
    expect(await rows(harness)).toEqual([]);
  });

  it('are not noted for a run that is no longer the newest, and do not appear', async () => {
    const harness = await startQuietly();
    const { id } = await make(harness);
    const made = { id, name: 'late.txt', contentType: null, bytes: 1, expiresInMs: HOUR_MS };
    const { fence } = await harness.job(id);
    expect(await harness.engine.store.files.noteMade({ ...made, fence })).toBe(false); // it has ended
    expect(await harness.engine.store.files.noteMade({ ...made, fence: fence - 1 })).toBe(false);
    expect(await rows(harness)).toEqual([]);
  });

  it('were uploaded for one tenant: others neither read nor delete them', async () => {
    const { engine } = await startQuietly();
    const key = await upload(engine);
    expect(await read(engine, acme, key)).toBe('uploaded');
    expect(await read(engine, everyone, key)).toBe('uploaded');
    await expect(findFile(engine, other, key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(deleteUpload(engine, other, key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(upload(engine, { tenant: 'other' })).rejects.toMatchObject({ errors: [{ path: 'tenant' }] });
    expect(await read(engine, acme, key)).toBe('uploaded');
    await deleteUpload(engine, acme, key);
    await expect(findFile(engine, acme, key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('expire after RETENTION_UPLOAD_DAYS, or when the upload says', async () => {
    const harness = await startQuietly();
    const { engine } = harness;
    const daysOf = async (key: string) => {
      const row = await engine.store.files.get('all', key.slice(0, 36), 'a.txt');
      return row?.expiresAt ? (row.expiresAt.getTime() - row.createdAt.getTime()) / (24 * HOUR_MS) : null;
    };
    expect(await daysOf(await upload(engine))).toBe(7);
    expect(await daysOf(await upload(engine, { expiresInMs: 12 * HOUR_MS }))).toBe(0.5);
    const forEver = { ...engine, settings: { ...engine.settings, retentionUploadDays: 0 } };
    expect(await daysOf(await upload(forEver))).toBeNull();
  });

  it('are left alone by an earlier call of the same key that breaks off at last', async () => {
    const { engine } = await startQuietly();
    const id = createId();
    const firstHasBegun = Promise.withResolvers<void>();
    const firstBreaksOff = Promise.withResolvers<never>();
    const secondGoesOn = Promise.withResolvers<void>();
    const secondHasBegun = Promise.withResolvers<void>();
    async function* broken() {
      yield Buffer.from('half');
      firstHasBegun.resolve();
      await firstBreaksOff.promise;
    }
    async function* whole() {
      yield Buffer.from('who');
      secondHasBegun.resolve();
      await secondGoesOn.promise;
      yield Buffer.from('le');
    }
    const first = expect(upload(engine, { content: broken() }, id)).rejects.toThrow('broken off');
    const second = upload(engine, { content: whole() }, id);
    await Promise.all([firstHasBegun.promise, secondHasBegun.promise]);
    firstBreaksOff.reject(new Error('broken off'));
    await first;
    secondGoesOn.resolve();
    expect(await read(engine, acme, await second)).toBe('whole');
  });

  it('leave nothing where the record refuses them', async () => {
    const { engine } = await startQuietly();
    const keepUploadFails = () => Promise.reject(new Error('refused'));
    const files = { ...engine.store.files, keepUpload: keepUploadFails };
    const before = await listIds(engine);
    await expect(upload({ ...engine, store: { ...engine.store, files } })).rejects.toThrow('refused');
    expect(await listIds(engine)).toEqual(before);
  });

  it('are not swept up while they are recorded; what a crash left unrecorded is, when it is old', async () => {
    const harness = await startQuietly();
    const { engine } = harness;
    const [kept, left, young] = [await upload(engine), await upload(engine), await upload(engine)];
    for (const key of [left, young]) await harness.sql('delete from longshore.files where id = $1', [key.slice(0, 36)]);
    const { id } = await make(harness);
    const isOld = (each: string) => !young.startsWith(each);
    const age = new Date(Date.now() - 25 * HOUR_MS);
    await sweepFiles(ageing(engine, (each) => (isOld(each) ? age : undefined)));
    const ids = await listIds(engine);
    expect([kept, left, young, id].map((key) => ids.includes(key.slice(0, 36)))).toEqual([true, false, true, true]);
  });
});

/** An engine whose storage says of some files that they have not changed since a time; its mark is the only one. */
function ageing(engine: Engine, ageOf: (id: string) => Date | undefined): Engine {
  const { storage } = engine;
  async function* list() {
    for await (const owner of storage.list()) {
      const age = ageOf(owner.id);
      yield age ? { ...owner, findLastChange: async () => age } : owner;
    }
  }
  return { ...engine, storage: { ...storage, list, mark: async () => [] } };
}

it('what is still being uploaded into a folder is not swept up, however long it takes', async () => {
  const harness = await Harness.start({ transport: 'postgres', jobs: [makeNote], isFollower: true });
  try {
    const { engine } = harness;
    const { settings } = engine.storage;
    const dir = settings.kind === 'local' ? settings.dir : '';
    const id = createId();
    const begun = Promise.withResolvers<void>();
    const more = Promise.withResolvers<void>();
    async function* content() {
      yield Buffer.from('one ');
      begun.resolve();
      await more.promise;
      yield Buffer.from('two');
    }
    const request = {
      name: 'a.txt',
      contentType: undefined,
      tenant: 'acme',
      expiresInMs: undefined,
      content: content(),
    };
    const uploading = keepUpload(engine, everyone, request, id);
    await begun.promise;
    const folder = folderOfJob(dir, { tenant: 'acme', id });
    await waitFor(() => readdirSync(folder).length === 1, { describe: 'its file is there' });
    const old = new Date(Date.now() - 25 * HOUR_MS);
    utimesSync(folder, old, old); // the file itself has just been written to
    await sweepFiles(engine);
    expect(readdirSync(folder)).toHaveLength(1);
    more.resolve();
    await uploading;
    expect(readdirSync(join(folder))).toEqual(['a.txt']);
  } finally {
    await harness.stop();
  }
});
