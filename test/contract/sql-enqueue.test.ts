import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { jobOptionsSchema } from '../../src/contract/enqueue.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { createBatch } from '../../src/engine/batches/create-batch.ts';
import { defineJob, enqueueInTransaction } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import type { JobRow } from '../../src/store/job-row.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** So that only a signal can be what starts a job. */
const settings = { POLL_INTERVAL_MS: '60000', DISPATCH_INTERVAL_MS: '60000' };

const echo = defineJob({
  type: 'echo:job',
  input: z.object({ text: z.string().max(100), n: z.int().optional() }),
  attempts: 7,
  timeoutMs: 12_345,
  run: (input) => input,
});
const other = defineJob({ type: 'other:job', input: z.unknown(), run: (input) => input });

/** Call it within `describe`, after `useHarnesses`: its clients end before the database is dropped. */
function useClients() {
  const clients: pg.Client[] = [];
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
  });
  return async ({ databaseUrl }: Harness, user?: { username: string; password: string }): Promise<pg.Client> => {
    const url = Object.assign(new URL(databaseUrl), user);
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    clients.push(client);
    return client;
  };
}

/** Enqueues with plain SQL, in a statement of its own. */
async function enqueue(client: pg.Client, type: string, input: unknown, options: object = {}): Promise<string> {
  const values = [type, JSON.stringify(input), JSON.stringify(options)];
  const { rows } = await client.query('select longshore.enqueue($1, $2, $3) as id', values);
  return rows[0].id;
}

describe.each<TransportName>(['postgres', 'bullmq'])('a job enqueued with SQL, on the %s transport', (transport) => {
  const start = useHarnesses(transport);
  const connect = useClients();

  it('starts with the commit of its transaction, and is not there before', async () => {
    const harness = await start([echo, other], { settings });
    await harness.startWorker();
    const client = await connect(harness);
    await untilListening(harness, client);
    await client.query('begin');
    const id = await enqueueInTransaction(client, echo, { text: 'it\'s \\ "quoted" $1' });
    expect(id).toMatch(UUID_V7);
    expect(await harness.engine.store.jobs.get('all', id)).toBeUndefined();
    await client.query('commit');
    expect(await harness.ended(id)).toMatchObject({
      status: 'completed',
      output: { text: 'it\'s \\ "quoted" $1' },
      maxAttempts: 7,
      timeoutMs: 12_345,
      queue: 'echo',
    });
  });

  it('is not there after a rollback', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const client = await connect(harness);
    await client.query('begin');
    await enqueueInTransaction(client, echo, { text: 'gone' });
    await client.query('rollback');
    expect(await harness.sql('select id from longshore.jobs')).toEqual([]);
  });

  it('starts when it is due, although no program knew of it', async () => {
    const harness = await start([echo], { settings });
    await harness.startWorker();
    const client = await connect(harness);
    await untilListening(harness, client);
    const id = await enqueue(client, 'echo:job', { text: 'later' }, { delayMs: 300 });
    expect((await harness.job(id)).status).toBe('scheduled');
    const job = await harness.ended(id);
    expect(job.startedAt?.getTime()).toBeGreaterThanOrEqual(job.runAt.getTime());
  });

  it('gets its turn among jobs of its concurrency key, without anybody looking for it', async () => {
    const harness = await start([echo], { settings, isFollower: true });
    await harness.startWorker();
    const client = await connect(harness);
    await untilListening(harness, client);
    const concurrencyKey = `a "key" of ${'ü|,'.repeat(40)}`;
    const ids = [];
    for (let n = 0; n < 3; n += 1) ids.push(await enqueue(client, 'echo:job', { text: 'x', n }, { concurrencyKey }));
    for (const job of await harness.allEnded(ids.map((id) => ({ id })))) expect(job.status).toBe('completed');
  });

  it('is found by a program that starts later', async () => {
    const harness = await start([echo], { settings });
    const client = await connect(harness);
    const id = await enqueue(client, 'echo:job', { text: 'early' });
    const beside = await start([echo], { settings, beside: harness });
    await beside.startWorker();
    expect((await harness.ended(id)).status).toBe('completed');
  });

  it('fails with invalid_input when its input is not what its type takes', async () => {
    const harness = await start([echo]);
    await harness.startWorker();
    const id = await enqueue(await connect(harness), 'echo:job', { text: 17 });
    expect(await harness.ended(id)).toMatchObject({ status: 'failed', reason: 'invalid_input' });
  });
});

describe('longshore.enqueue', () => {
  const start = useHarnesses('postgres');
  const connect = useClients();

  it('makes of every option what the API makes of it', async () => {
    const harness = await start([echo, other]);
    const client = await connect(harness);
    const seed = createId();
    const { batch } = await createBatch(harness.engine, everyone, {
      seed,
      request: { metadata: {}, tenant: 'acme', keepOpen: false },
      parts: undefined,
    });
    const options = {
      queue: 'other',
      priority: -100,
      runAt: '2040-01-31T08:00:00.5+02:00',
      attempts: 100,
      backoff: { type: 'exponential', delayMs: 0, maxDelayMs: 5, jitter: 0.5 },
      timeoutMs: 604_800_000,
      ttlMs: 1,
      deduplicationKey: 'key',
      concurrencyKey: 'ké€y',
      batchId: batch.id,
      tags: ['a', 'b', 'ä'],
      metadata: { a: { b: [1] } },
      tenant: 'acme',
      webhook: { url: 'https://example.com/hook' },
    } as const;
    const { deduplicationKey, ...rest } = options;
    const own = await harness.enqueue(echo, { text: 'x' }, { ...options, tags: [...options.tags] });
    const id = await enqueue(client, 'echo:job', { text: 'x' }, { ...rest, deduplicationKey: 'another' });
    const withoutItsOwn = ({ id: _id, createdAt: _createdAt, deduplicationKey: _key, ...row }: JobRow) => row;
    expect(withoutItsOwn(await harness.job(id))).toEqual(withoutItsOwn(own));
    expect(await enqueue(client, 'echo:job', { text: 'y' }, { tenant: 'acme', deduplicationKey })).toBe(own.id);
    const plain = withoutItsOwn(await harness.job(await enqueue(client, 'echo:job', { text: 'x' })));
    const like = withoutItsOwn(await harness.enqueue(echo, { text: 'x' }));
    expect({ ...plain, runAt: null }).toEqual({ ...like, runAt: null });
  });

  it('refuses every option that the API refuses, with the same path', async () => {
    const client = await connect(await start([echo]));
    for (const [path, options] of REFUSED) {
      const fault = await enqueue(client, 'echo:job', { text: 'x' }, options).catch((error: unknown) => error);
      const message = expect.stringMatching(new RegExp(`^${path.replaceAll('.', '\\.')}: `));
      expect(fault, JSON.stringify(options)).toMatchObject({ code: '22023', message });
      if (path === 'options.queue') continue; // the API, too, needs more than the schema to tell
      const issues = jobOptionsSchema.safeParse(options).error?.issues ?? [];
      const paths = issues.map((issue) => ['options', ...issue.path].join('.'));
      expect(
        paths.some((each) => each === path || each.startsWith(`${path}.`)),
        String(paths),
      ).toBe(true);
    }
  });

  it('names what it does not know: types, options, batches', async () => {
    const client = await connect(await start([echo, other]));
    const refusal = (type: string, options: object) =>
      enqueue(client, type, {}, options).catch((error: unknown) => error);
    const types = expect.stringMatching(/^known types: .*\becho:job, .*\bother:job\b/);
    expect(await refusal('echo:jop', {})).toMatchObject({ message: 'there is no job type "echo:jop"', hint: types });
    expect(await refusal('echo:job', { prio: 1 })).toMatchObject({
      message: 'options.prio: is not known here',
      hint: expect.stringContaining('priority'),
    });
    for (const batchId of ['x', createId(), '01980000-0000-7000-8000-00000000000g']) {
      const message = expect.stringMatching(/^options\.batchId: /);
      expect(await refusal('echo:job', { batchId })).toMatchObject({ code: '22023', message });
    }
  });

  it('refuses an input that is larger than the API takes', async () => {
    const harness = await start([other], { settings: { MAX_BODY_BYTES: '2048' } });
    const fault = enqueue(await connect(harness), 'other:job', 'x'.repeat(3000));
    await expect(fault).rejects.toMatchObject({ code: '22023', message: expect.stringContaining('2048') });
  });

  it('enqueues many at once, in their order', async () => {
    const harness = await start([echo]);
    const client = await connect(harness);
    const jobs = Array.from({ length: 50 }, (_, n) => ({ type: 'echo:job', input: { text: 'x', n } }));
    const { rows } = await client.query('select id from longshore.enqueue_many($1) as id', [JSON.stringify(jobs)]);
    const found = await Promise.all(rows.map(({ id }) => harness.job(id)));
    expect(found.map(({ input }) => (input as { n: number }).n)).toEqual(jobs.map(({ input }) => input.n));
    const nothing = client.query('select * from longshore.enqueue_many($1)', [
      JSON.stringify([...jobs, { type: 'no' }]),
    ]);
    await expect(nothing).rejects.toMatchObject({ code: '22023' });
    expect(await harness.sql('select id from longshore.jobs')).toHaveLength(50);
  });

  it('lets a tenant have no more jobs than its limits say', async () => {
    const harness = await start([echo]);
    const client = await connect(harness);
    await harness.sql(`insert into longshore.tenants (name, max_per_day) values ('daily', 2)`);
    await harness.sql(`insert into longshore.tenants (name, max_queued) values ('queued', 2)`);
    for (const tenant of ['daily', 'queued']) {
      const first = await enqueue(client, 'echo:job', { text: 'x' }, { tenant, deduplicationKey: 'a' });
      await enqueue(client, 'echo:job', { text: 'x' }, { tenant });
      expect(await enqueue(client, 'echo:job', { text: 'x' }, { tenant, deduplicationKey: 'a' })).toBe(first);
      await expect(enqueue(client, 'echo:job', { text: 'x' }, { tenant })).rejects.toMatchObject({ code: '53400' });
      const told = enqueueInTransaction(client, echo, { text: 'x' }, { tenant });
      await expect(told).rejects.toMatchObject({ code: 'TENANT_LIMIT_REACHED' });
      expect(await harness.sql('select id from longshore.jobs where tenant = $1', [tenant])).toHaveLength(2);
    }
  });

  it('is not led astray by what an application has on its search path', async () => {
    const harness = await start([echo]);
    const client = await connect(harness);
    await client.query(`
      create schema trap;
      create function trap.now() returns timestamptz language sql as $$ select 'epoch'::timestamptz $$;
      create function trap.clock_timestamp() returns timestamptz language sql as $$ select 'epoch'::timestamptz $$;
      create function trap.jsonb_typeof(jsonb) returns text language sql as $$ select 'trapped' $$;
      create function trap.pg_notify(text, text) returns void language sql as $$ select 1 / 0 $$;
      create table trap.jobs (id uuid);
      set search_path = trap, pg_catalog`);
    const id = await enqueue(client, 'echo:job', { text: 'x' }, { priority: 1 });
    expect((await harness.job(id)).runAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  it('works for a user that has no more rights than the guide gives', async () => {
    const harness = await start([echo]);
    const role = `app_${createId().slice(-8)}`;
    await harness.sql(`create role ${role} login password 'secret'`);
    try {
      for (const grant of GRANTS) await harness.sql(grant.replace('app', role));
      const client = await connect(harness, { username: role, password: 'secret' });
      const { batch } = await createBatch(harness.engine, everyone, {
        seed: createId(),
        request: { metadata: {}, keepOpen: false },
        parts: undefined,
      });
      const id = await enqueue(client, 'echo:job', { text: 'x' }, { batchId: batch.id, deduplicationKey: 'a' });
      expect(await enqueue(client, 'echo:job', { text: 'x' }, { deduplicationKey: 'a' })).toBe(id);
      await expect(client.query('select input from longshore.jobs')).rejects.toMatchObject({ code: '42501' });
      await expect(client.query('update longshore.jobs set priority = 1')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await harness.sql(`drop owned by ${role}`);
      await harness.sql(`drop role ${role}`);
    }
  });
});

describe('enqueueInTransaction', () => {
  const start = useHarnesses('postgres');
  const connect = useClients();

  it('takes a transaction of drizzle, and leaves nothing when that rolls back', async () => {
    const harness = await start([echo]);
    await harness.startWorker();
    const db = drizzle({ client: await connect(harness) });
    await db.execute(sql`create table orders (id integer primary key)`);
    const text = `a 'quoted' \\ back\\\\slash, $1 {} and €`;
    const id = await db.transaction(async (tx) => {
      await tx.execute(sql`insert into orders values (1)`);
      return enqueueInTransaction(tx, echo, { text }, { tags: [`it's`] });
    });
    expect(await harness.ended(id)).toMatchObject({ output: { text }, tags: [`it's`] });
    const failing = db.transaction(async (tx) => {
      await enqueueInTransaction(tx, echo, { text: 'never' });
      await tx.execute(sql`insert into orders values (1)`);
    });
    await expect(failing).rejects.toMatchObject({ cause: { code: '23505' } });
    expect(await harness.sql('select id from longshore.jobs')).toEqual([{ id }]);
  });

  it('checks input and options before anything is sent, and tells what the database refuses in the same way', async () => {
    const harness = await start([echo]);
    const client = await connect(harness);
    await client.query('begin');
    const wrong = enqueueInTransaction(client, echo, { text: 'x'.repeat(101) }, { priority: 101 });
    await expect(wrong).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [{ path: 'input.text' }, { path: 'options.priority' }],
    });
    expect(await enqueueInTransaction(client, echo, { text: 'x' })).toMatch(UUID_V7); // the transaction goes on
    const unknown = enqueueInTransaction(client, echo, { text: 'x' }, { queue: 'nobody' });
    await expect(unknown).rejects.toMatchObject({ code: 'INVALID_FIELDS', errors: [{ path: 'options.queue' }] });
    await client.query('rollback');
    const inDrizzle = drizzle({ client }).transaction((tx) => enqueueInTransaction(tx, other, 1));
    await expect(inDrizzle).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      message: expect.stringContaining('known types: '),
    });
  });
});

const REFUSED: [path: string, options: object][] = [
  ['options.queue', { queue: 'nobody' }],
  ['options.priority', { priority: 101 }],
  ['options.priority', { priority: 1.5 }],
  ['options.priority', { priority: null }],
  ['options.delayMs', { delayMs: -1 }],
  ['options.delayMs', { delayMs: 1e300 }],
  ['options.runAt', { runAt: '2040-01-31' }],
  ['options.runAt', { runAt: '2040-02-31T08:00:00Z' }],
  ['options.runAt', { runAt: '1969-12-31T23:59:59Z' }],
  ['options.runAt', { runAt: '2040-01-31T08:00:00Z', delayMs: 1 }],
  ['options.attempts', { attempts: 0 }],
  ['options.attempts', { attempts: '3' }],
  ['options.backoff', { backoff: 'fixed' }],
  ['options.backoff.type', { backoff: { type: 'linear', delayMs: 1 } }],
  ['options.backoff.type', { backoff: { delayMs: 1 } }],
  ['options.backoff.delayMs', { backoff: { type: 'fixed' } }],
  ['options.backoff.jitter', { backoff: { type: 'fixed', delayMs: 1, jitter: 2 } }],
  ['options.timeoutMs', { timeoutMs: 604_800_001 }],
  ['options.ttlMs', { ttlMs: 0 }],
  ['options.deduplicationKey', { deduplicationKey: '' }],
  ['options.concurrencyKey', { concurrencyKey: 'x'.repeat(256) }],
  ['options.tags', { tags: 'a' }],
  ['options.tags', { tags: Array(21).fill('a') }],
  ['options.tags.1', { tags: ['a', ''] }],
  ['options.metadata', { metadata: [] }],
  ['options.tenant', { tenant: 'no good' }],
  ['options.webhook', { webhook: 'https://example.com' }],
  ['options.webhook.url', { webhook: { url: 'ftp://example.com' } }],
  ['options.webhook.url', { webhook: {} }],
  ['options.webhook.events', { webhook: { url: 'https://example.com', events: [] } }],
  ['options.webhook.events', { webhook: { url: 'https://example.com', events: ['job.started'] } }],
];

/** As in docs/guides/transactional-enqueue.md. */
const GRANTS = [
  'grant usage on schema longshore to app',
  'grant select on longshore.job_types to app',
  `grant select (id, tenant, type, deduplication_key, status), insert on longshore.jobs to app`,
  'grant select (id, tenant, closed_at), update (id) on longshore.batches to app',
  'grant insert on longshore.batch_news to app',
  'grant select on longshore.tenants to app',
  'grant select, insert, update on longshore.tenant_days to app',
];

/** Waits until the program hears what is notified: it listens some time after its start. */
async function untilListening(harness: Harness, client: pg.Client): Promise<void> {
  let isHeard = false;
  const unsubscribe = harness.engine.signals.subscribe('changed', () => {
    isHeard = true;
  });
  const ask = async () => {
    await client.query(`select pg_notify('longshore', 'test|changed|probe')`);
    return isHeard;
  };
  await waitFor(ask, { describe: 'the program listens' }).finally(unsubscribe);
}
