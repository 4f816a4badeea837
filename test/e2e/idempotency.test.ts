import { writeFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BulkAnswer } from '../../src/contract/bulk.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { type Answer, Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

let installation: Installation;
let program: Program;
let database: pg.Client;
let keys = 0;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
  database = new pg.Client({ connectionString: installation.settings.DATABASE_URL });
  await database.connect();
});
afterAll(async () => {
  await database?.end();
  await installation?.remove();
});

const nextKey = () => `key-${++keys}`;
const echo = (input: unknown, options = {}) => ({ type: 'test:echo', input, options });

function post<Body = JobResource>(key: string, json: unknown, path = '/v1/jobs', more: Record<string, string> = {}) {
  return program.call<Body>(path, { json, headers: { 'idempotency-key': key, ...more } });
}

const postBulk = (key: string, jobs: unknown[]) => post<BulkAnswer>(key, { jobs }, '/v1/jobs/bulk');
const isReplay = ({ headers }: Answer<unknown>) => headers.get('idempotent-replayed') === 'true';

async function listWithTag(tag: string): Promise<JobResource[]> {
  const { body } = await program.call<Page<JobResource>>('/v1/jobs?limit=200');
  return body.items.filter(({ tags }) => tags.includes(tag));
}

/** As if the time that a claim lasts had passed. */
const endLock = (key: string) =>
  database.query('update longshore.idempotency_keys set locked_until = now() where key = $1', [key]);

describe('a call with an Idempotency-Key', () => {
  it('is answered as the first time, also after its job has ended', async () => {
    const key = nextKey();
    const first = await post(key, echo({ b: 1, a: [2] }));
    expect(first).toMatchObject({ status: 202, body: { status: 'queued' } });
    expect(isReplay(first)).toBe(false);
    await program.jobEnded(first.body.id);
    const again = await post(key, { options: {}, input: { a: [2], b: 1 }, type: 'test:echo' });
    expect(again).toMatchObject({ status: 202, body: first.body });
    expect(isReplay(again)).toBe(true);
    for (const name of ['location', 'retry-after', 'content-type'])
      expect(again.headers.get(name)).toBe(first.headers.get(name));
  });

  it('is refused while the first one is held, and answered with its end afterwards', async () => {
    const key = nextKey();
    const path = installation.nextGate();
    const body = { type: 'test:gate', input: { path }, options: { tags: [key] } };
    const held = post(key, body, '/v1/jobs', { prefer: 'wait=30' });
    await waitFor(async () => (await listWithTag(key))[0]?.status === 'processing', { describe: 'the job runs' });

    const meanwhile = await post<Problem>(key, body);
    expect(meanwhile).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_FLIGHT' } });
    expect(meanwhile.headers.get('retry-after')).toBe('1');
    const other = { ...body, input: { path: `${path}.other` } };
    const reused = { status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } };
    expect(await post<Problem>(key, other)).toMatchObject(reused);

    writeFileSync(path, '');
    expect(await held).toMatchObject({ status: 200, body: { status: 'completed', output: 'passed' } });
    const again = await post(key, body);
    expect(again).toMatchObject({ status: 200, body: (await held).body });
    expect(again.headers.get('preference-applied')).toBe('wait=30');
    expect(isReplay(again)).toBe(true);
    expect(await post<Problem>(key, other)).toMatchObject(reused);
    expect(await listWithTag(key)).toHaveLength(1);
  });

  it('makes one job although 100 arrive at once', async () => {
    const key = nextKey();
    const answers = await Promise.all(Array.from({ length: 100 }, () => post(key, echo(1, { tags: [key] }))));
    const [job, ...others] = await listWithTag(key);
    expect(others).toEqual([]);
    const good = answers.filter(({ status }) => status === 202);
    expect(good.filter((answer) => !isReplay(answer))).toHaveLength(1);
    expect(new Set(good.map(({ body }) => body.id))).toEqual(new Set([job?.id]));
    expect(new Set(answers.map(({ status }) => status).concat(409))).toEqual(new Set([202, 409]));
    expect(await post(key, echo(1, { tags: [key] }))).toMatchObject({ status: 202, body: { id: job?.id } });
  });

  it('makes one job with a deduplication key too, whether the keys are the same or differ', async () => {
    const key = nextKey();
    const body = { type: 'test:gate', input: { path: installation.nextGate() }, options: { deduplicationKey: key } };
    const same = Array.from({ length: 50 }, () => post(key, body));
    const different = Array.from({ length: 50 }, () => post(nextKey(), body));
    const good = (await Promise.all([...same, ...different])).filter(({ status }) => status === 202);
    expect(good.length).toBeGreaterThanOrEqual(51);
    expect(new Set(good.map((answer) => answer.body.id)).size).toBe(1);
    const created = good.filter((answer) => !answer.body.deduplicated && !isReplay(answer));
    expect(created).toHaveLength(1);
  });

  it('that is refused stores nothing, and the mended one may have the same key', async () => {
    const key = nextKey();
    const bad = { type: 'test:echo', input: 1, options: { queue: 'nobody', tags: [key] } };
    expect(await post<Problem>(key, bad)).toMatchObject({ status: 422, body: { code: 'INVALID_FIELDS' } });
    expect(await post<Problem>(key, { ...bad, type: 'no:such' })).toMatchObject({ body: { code: 'UNKNOWN_TYPE' } });
    const good = await post(key, echo(1, { tags: [key] }));
    expect(good.status).toBe(202);
    expect((await listWithTag(key)).map(({ id }) => id)).toEqual([good.body.id]);
    expect(await post<Problem>(key, bad)).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  it('keeps its key although its job is deleted while the call is held', async () => {
    const key = nextKey();
    const body = echo(1, { tags: [key], delayMs: 600_000 });
    const held = post<Problem>(key, body, '/v1/jobs', { prefer: 'wait=30' });
    const isThere = async () => (await listWithTag(key)).length === 1;
    await waitFor(isThere, { describe: 'the job is committed' });
    await database.query('delete from longshore.jobs where tags = $1', [[key]]);
    expect(await held).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(await post<Problem>(key, echo(2))).toMatchObject({ body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  it('that is answered 503 may be made again at once, by the same body only', async () => {
    const key = nextKey();
    await database.query(`
      create function lose_connection() returns trigger language plpgsql as
        $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
      create trigger lose_connection before insert on longshore.jobs execute function lose_connection()`);
    const lost = await post<Problem>(key, echo(1, { tags: [key] }));
    await database.query('drop function lose_connection cascade');
    expect(lost).toMatchObject({ status: 503, body: { code: 'STORE_UNAVAILABLE' } });
    expect(await listWithTag(key)).toEqual([]);
    expect(await post<Problem>(key, echo(2))).toMatchObject({ body: { code: 'IDEMPOTENCY_KEY_REUSED' } });
    const again = await post(key, echo(1, { tags: [key] }));
    expect(again.status).toBe(202);
    expect(isReplay(again)).toBe(false);
    expect(await listWithTag(key)).toHaveLength(1);
  });

  it('counts for one endpoint', async () => {
    const key = nextKey();
    const one = await post(key, echo(1));
    const many = await postBulk(key, [echo(1)]);
    expect(many).toMatchObject({ status: 200, body: { accepted: 1 } });
    expect(many.body.ids).not.toContain(one.body.id);
    expect(isReplay(many)).toBe(false);
    const elsewhere = await program.call('/v1/queues/test/pause', {
      method: 'POST',
      headers: { 'idempotency-key': 'not valid' },
    });
    expect(elsewhere.status).toBe(200); // it creates nothing, so the key means nothing
    await program.call('/v1/queues/test/resume', { method: 'POST' });
  });

  it('is remembered for 24 hours', async () => {
    const key = nextKey();
    const { body } = await post(key, echo(1));
    const { rows } = await database.query(
      'select extract(epoch from expires_at - now())::float8 as seconds from longshore.idempotency_keys where key = $1',
      [key],
    );
    expect(rows[0].seconds).toBeGreaterThan(86_300);
    expect(rows[0].seconds).toBeLessThanOrEqual(86_400);
    await database.query('update longshore.idempotency_keys set expires_at = now() where key = $1', [key]);
    const next = await post(key, echo(2));
    expect(next.status).toBe(202);
    expect(next.body.id).not.toBe(body.id);
  });

  it.each([
    ['nothing', ''],
    ['a space', 'a b'],
    ['256 characters', 'x'.repeat(256)],
    ['other letters', 'schlüssel'],
  ])('is refused when the key is %s', async (_what, key) => {
    const { status, body } = await post<Problem>(key, echo(1));
    expect(status).toBe(422);
    expect(body).toMatchObject({ code: 'INVALID_FIELDS', errors: [{ path: 'Idempotency-Key' }] });
  });

  it('takes a key of 255 characters', async () => {
    expect((await post('~'.repeat(255), echo(1))).status).toBe(202);
  });
});

describe('a process that dies between the commit of a job and the answer', () => {
  /** Answers cannot be written down until it is taken away. */
  async function blockAnswers(): Promise<() => Promise<unknown>> {
    await database.query(`
      select pg_advisory_lock(17);
      create function block_answer() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(17); return new; end $$;
      create trigger block_answer before update on longshore.idempotency_keys for each row
        when (new.status_code is not null) execute function block_answer()`);
    return () =>
      database.query(`
        select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'longshore';
        drop function block_answer cascade;
        select pg_advisory_unlock(17)`);
  }

  it.each([
    ['/v1/jobs', (tag: string) => echo(1, { tags: [tag] }), 1],
    ['/v1/jobs/bulk', (tag: string) => ({ jobs: [1, 2, 3].map((n) => echo(n, { tags: [tag] })) }), 3],
  ])('leaves what the same call to %s finds again', async (path, makeBody, count) => {
    const key = nextKey();
    const body = makeBody(key);
    const unblock = await blockAnswers();
    const lost = post(key, body, path).catch(() => 'lost');
    await waitFor(async () => (await listWithTag(key)).length === count, { describe: 'the jobs are committed' });
    await program.stop('SIGKILL');
    await unblock();
    expect(await lost).toBe('lost');
    program = await installation.start();
    const before = await listWithTag(key);

    const early = await post<Problem>(key, body, path);
    expect(early).toMatchObject({ status: 409, body: { code: 'IDEMPOTENCY_IN_FLIGHT' } });
    expect(early.headers.get('retry-after')).toBe('1');
    await endLock(key);
    const again = await post<JobResource & BulkAnswer>(key, body, path);
    expect([200, 202]).toContain(again.status);
    expect(isReplay(again)).toBe(false);
    const named = path === '/v1/jobs' ? [again.body.id] : again.body.ids.toReversed(); // the list has the newest first
    expect(named).toEqual(before.map(({ id }) => id));
    expect(await listWithTag(key)).toHaveLength(count);
    expect(isReplay(await post(key, body, path))).toBe(true);
  });

  it('leaves a key that no other body may take, even if the same one is refused now', async () => {
    const key = nextKey();
    const body = echo(1, { tags: [key], webhook: { url: 'http://127.0.0.1:9/' } });
    const unblock = await blockAnswers();
    void post(key, body).catch(() => 'lost');
    await waitFor(async () => (await listWithTag(key)).length === 1, { describe: 'the job is committed' });
    await program.stop('SIGKILL');
    await unblock();
    await endLock(key);
    program = await installation.start({ OUTBOUND_ALLOW: 'none' });
    expect(await post<Problem>(key, body)).toMatchObject({ status: 422, body: { code: 'ADDRESS_REFUSED' } });
    expect(await post<Problem>(key, echo(1, { tags: [key] }))).toMatchObject({
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect(await listWithTag(key)).toHaveLength(1);
  });
});
