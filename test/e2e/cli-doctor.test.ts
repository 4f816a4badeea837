import { existsSync, writeFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
import { findFreePort } from '../support/free-port.ts';
import { Installation, type Settings } from '../support/program.ts';
import { type RedisOptions, startRedis, type TestRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';

interface Finding {
  verdict: 'ok' | 'note' | 'wrong';
  found: string;
  advice: string | null;
}

interface Diagnosis {
  code: number | null;
  verdict: Finding['verdict'];
  /** By the name of the check. */
  checks: Record<string, Finding>;
}

const CHECKS = ['postgres', 'migrations', 'clock', 'redis', 'drift', 'workers', 'waiting', 'webhooks', 'leader'];
const RECORD_CHECKS = ['drift', 'workers', 'waiting', 'webhooks', 'leader'];
const LATER = 'not checked';

let installation: Installation;
let redis: TestRedis | undefined;
let cli: CliSession;

async function open(transport: TransportName, more: { redis?: RedisOptions; settings?: Settings } = {}): Promise<void> {
  redis = transport === 'bullmq' ? await startRedis({ isDurable: true, ...more.redis }) : undefined;
  installation = await Installation.create({
    settings: { ...(redis ? { REDIS_URL: redis.url } : {}), ...more.settings },
  });
  cli = openCliSession({ cwd: installation.folder, env: installation.settings });
}

afterEach(async () => {
  await installation?.remove();
  await redis?.stop();
});

async function diagnose(env: Settings = {}): Promise<Diagnosis> {
  const { code, stdout, stderr } = await cli.run(['admin', 'doctor', '--json'], { env });
  expect(stderr).toBe('');
  const { verdict, checks } = JSON.parse(stdout) as {
    verdict: Finding['verdict'];
    checks: (Finding & { check: string })[];
  };
  return { code, verdict, checks: Object.fromEntries(checks.map(({ check, ...finding }) => [check, finding])) };
}

async function sql(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: installation.settings.DATABASE_URL });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

/** What a person reads of a check. */
const lineOf = (stdout: string, check: string) => stdout.split('\n').find((line) => line.slice(2).startsWith(check));

describe.each<TransportName>(['postgres', 'bullmq'])('longshore admin doctor, on the %s transport', (transport) => {
  it('finds nothing wrong with a program that works', async () => {
    await open(transport);
    const program = await installation.start();
    await program.jobEnded((await program.enqueue('test:echo', 1)).id);
    await program.enqueue('test:echo', 1, { delayMs: 3_600_000 });
    const { code, checks } = await waitFor(
      async () => {
        const diagnosis = await diagnose();
        return diagnosis.verdict === 'ok' && diagnosis;
      },
      { describe: 'all is well', timeoutMs: 30_000 },
    );
    expect(code).toBe(0);
    const redisChecks = transport === 'bullmq' ? ['redis-memory', 'redis-persistence'] : [];
    expect(Object.keys(checks).sort()).toEqual([...CHECKS, ...redisChecks].sort());
    expect(checks.migrations?.found).toMatch(/^all \d+ are applied$/);
    expect(checks.redis?.found).toMatch(transport === 'bullmq' ? /^(Redis|Valkey) \d/ : /^not used/);
    expect(checks.workers?.found).toBe('1 worker alive; nothing is due');

    const { stdout } = await cli.run(['admin', 'doctor']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.slice(0, -2).map((line) => line.replace(/^✔ (\S+) .*$/, '$1'))).toEqual(Object.keys(checks));
    expect(lines.at(-1)).toBe('All is well.');
  });

  it('tells of a queue with work that nobody serves, of a paused one, and how long the oldest job waits', async () => {
    await open(transport);
    const program = await installation.start({ MODE: 'api' });
    await program.enqueue('test:echo', 1);
    const unserved = await diagnose();
    expect(unserved).toMatchObject({
      code: 1,
      checks: { workers: { verdict: 'wrong', found: 'nobody serves test (1 due)' }, waiting: { verdict: 'ok' } },
    });
    expect(unserved.checks.workers?.advice).toContain('MODE=worker longshore start');

    await sql(`update longshore.jobs set run_at = now() - interval '6 minutes'`);
    expect((await diagnose()).checks.waiting).toMatchObject({
      verdict: 'note',
      found: expect.stringContaining('6 min'),
    });
    await sql(`update longshore.jobs set run_at = now() - interval '2 hours'`);
    expect((await diagnose()).checks.waiting).toMatchObject({
      verdict: 'wrong',
      found: expect.stringContaining('2 h'),
    });

    await program.call('/v1/queues/test/pause', { method: 'POST' });
    const paused = await diagnose();
    expect(paused.checks.workers).toMatchObject({ verdict: 'note', found: 'paused: test (1 due)' });
    expect(paused.checks.waiting).toMatchObject({ verdict: 'ok' });
    expect(paused.code).toBe(0);
  });

  it('tells of a run whose worker is gone, which reconcile gives back where no program runs', async () => {
    await open(transport, { settings: { LOCK_DURATION_MS: '1000', LEADER_LEASE_MS: '1000' } });
    const doomed = await installation.start();
    const path = installation.nextGate();
    const { id } = await doomed.enqueue('test:gate', { path });
    await doomed.jobIs(id, 'processing');
    await doomed.stop('SIGKILL');
    await waitFor(async () => (await diagnose()).checks.drift?.found.endsWith('1 lost_run'), {
      describe: 'the run is known to be lost',
      timeoutMs: 30_000,
    });
    expect((await diagnose()).checks).toMatchObject({
      drift: { verdict: 'wrong' },
      workers: { verdict: 'wrong', found: 'nobody serves test (1 due)' },
    });

    const { code, document } = await cli.runJson<{ repairs: Record<string, number> }>('admin', 'reconcile');
    expect(code).toBe(0);
    expect(document.repairs).toMatchObject({ lost_run: 1, missing: 0 });
    expect((await diagnose()).checks.drift).toMatchObject({ verdict: 'ok' });
    writeFileSync(path, '');
    const next = await installation.start();
    expect(await next.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
  });
});

describe('longshore admin doctor and Redis', () => {
  it('calls a Redis wrong that may evict, and says of one that keeps nothing that the record does', async () => {
    await open('bullmq', { redis: { isDurable: false, flags: ['--maxmemory-policy', 'allkeys-lru'] } });
    await cli.run(['admin', 'migrate']);
    const { code, stdout } = await cli.run(['admin', 'doctor']);
    expect(code).toBe(1);
    expect(lineOf(stdout, 'redis-memory')).toMatch(/^✖ .*allkeys-lru.* → .*CONFIG SET maxmemory-policy noeviction/);
    expect(lineOf(stdout, 'redis-persistence')).toMatch(/^! .*a restart empties the queues → No job is lost/);
    expect(stdout).toMatch(/\n1 of 11 checks found something wrong, 1 note\.\n$/);
  });

  it('reads what a managed Redis still tells where CONFIG is forbidden', async () => {
    await open('bullmq', { redis: { flags: ['--rename-command', 'CONFIG', ''] } });
    await cli.run(['admin', 'migrate']);
    const { code, checks } = await diagnose();
    expect(code).toBe(0);
    expect(checks).toMatchObject({
      'redis-memory': { verdict: 'ok', found: expect.stringContaining('noeviction') },
      'redis-persistence': { verdict: 'ok' },
    });
  });

  it('says what it could not look at where INFO is forbidden too', async () => {
    const flags = ['--user', 'guest', 'on', '>hidden', '~*', '&*', '+@all', '-info', '-config'];
    await open('bullmq', { redis: { flags } });
    await cli.run(['admin', 'migrate']);
    const { code, checks } = await diagnose({ REDIS_URL: redis?.url.replace('//', '//guest:hidden@') ?? '' });
    expect(code).toBe(0);
    for (const check of ['redis', 'redis-memory', 'redis-persistence']) {
      expect(checks[check]).toMatchObject({ verdict: 'note', found: expect.stringMatching(/not tell|not told/) });
    }
  });

  it('calls it wrong when Redis does not answer, or refuses the password, without showing it', async () => {
    await open('bullmq', { redis: { flags: ['--requirepass', 'secret'] } });
    await cli.run(['admin', 'migrate']);
    const refused = await cli.run(['admin', 'doctor'], {
      env: { REDIS_URL: redis?.url.replace('//', '//:hidden@') ?? '' },
    });
    expect(lineOf(refused.stdout, 'redis ')).toMatch(/^✖ .*WRONGPASS/);
    const away = await cli.run(['admin', 'doctor'], {
      env: { REDIS_URL: `redis://:hidden@127.0.0.1:${await findFreePort()}` },
    });
    expect(away.code).toBe(1);
    expect(lineOf(away.stdout, 'redis ')).toMatch(/^✖ .*ECONNREFUSED.* → Jobs are still accepted/);
    for (const check of ['redis-memory', 'redis-persistence', 'drift']) {
      expect(lineOf(away.stdout, check)).toContain(`${LATER}: `);
    }
    expect(refused.stdout + away.stdout + refused.stderr + away.stderr).not.toContain('hidden');
  });

  it('notices that BullMQ holds jobs where it was given no REDIS_URL', async () => {
    await open('bullmq');
    const program = await installation.start({ MODE: 'api' });
    await program.enqueue('test:echo', 1);
    expect((await diagnose({ REDIS_URL: '' })).checks.redis).toMatchObject({
      verdict: 'note',
      advice: expect.stringContaining('REDIS_URL'),
    });
  });

  it('tells of jobs that Redis lost; reconcile repairs that, and then they run', async () => {
    await open('bullmq');
    const program = await installation.start({ MODE: 'api' });
    const jobs = [];
    for (let n = 0; n < 3; n += 1) jobs.push(await program.enqueue('test:echo', n));
    const lost = jobs[1]?.id ?? '';
    await program.stop();
    const client = new Redis(redis?.url ?? '');
    const prefix = `${installation.prefix}:test:`;
    await waitFor(async () => (await client.llen(`${prefix}wait`)) === 3, { describe: 'BullMQ holds the jobs' });
    await client.lrem(`${prefix}wait`, 1, lost);
    await client.del(`${prefix}${lost}`);

    const keys = await client.dbsize();
    const before = await waitFor(
      async () => {
        const diagnosis = await diagnose(); // spares what was handed over in the last seconds
        return diagnosis.checks.drift?.verdict === 'wrong' && diagnosis;
      },
      { describe: 'the drift is found', timeoutMs: 30_000 },
    );
    expect(before.code).toBe(1);
    expect(before.checks.drift).toMatchObject({
      found: 'record and queues disagree: 1 missing',
      advice: expect.stringContaining('longshore admin reconcile'),
    });
    expect(await client.dbsize()).toBe(keys); // a look changes nothing
    client.disconnect();

    const { code, stdout } = await cli.run(['admin', 'reconcile']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ +1 +missing +BullMQ did not hold a job/);
    expect((await diagnose()).checks.drift).toMatchObject({ verdict: 'ok' });
    const again = await cli.run(['admin', 'reconcile']);
    expect(again).toEqual({
      code: 0,
      stdout: '✔ Nothing to repair: the record and the queues agree.\n',
      stderr: '',
    });
    const next = await installation.start();
    for (const [n, { id }] of jobs.entries()) {
      expect(await next.jobEnded(id)).toMatchObject({ status: 'completed', output: n, attempt: 1 });
    }
  });

  it('tells of a queue that somebody paused in BullMQ', async () => {
    await open('bullmq');
    const program = await installation.start({ MODE: 'api' });
    await program.enqueue('test:echo', 1);
    const client = new Redis(redis?.url ?? '');
    await client.hset(`${installation.prefix}:test:meta`, 'paused', '1');
    client.disconnect();
    expect((await diagnose()).checks.drift).toMatchObject({
      verdict: 'note',
      found: 'paused in BullMQ, and not by Longshore: test',
      advice: expect.stringContaining('POST /v1/queues/test/resume'),
    });
  });
});

describe('longshore admin doctor and PostgreSQL', () => {
  it('calls it wrong when PostgreSQL does not answer, and says what it could not look at', async () => {
    await open('postgres');
    const DATABASE_URL = `postgres://longshore:hidden@127.0.0.1:${await findFreePort()}/longshore`;
    const { code, stdout, stderr } = await cli.run(['admin', 'doctor'], { env: { DATABASE_URL } });
    expect(code).toBe(1);
    expect(lineOf(stdout, 'postgres')).toMatch(/^✖ .*ECONNREFUSED.* → Without it nothing is accepted/);
    for (const check of ['migrations', 'clock', ...RECORD_CHECKS]) {
      expect(lineOf(stdout, check)).toMatch(/^! .*not checked: PostgreSQL does not answer/);
    }
    expect(stdout + stderr).not.toMatch(/hidden|^\s+at /m);
  });

  it('calls missing migrations wrong, and applies none', async () => {
    await open('postgres');
    const empty = await diagnose();
    expect(empty.code).toBe(1);
    expect(empty.checks.migrations).toMatchObject({ verdict: 'wrong', found: 'none has been applied' });
    expect(empty.checks.drift).toMatchObject({ verdict: 'note', found: 'not checked: migrations are missing' });
    expect(await diagnose()).toEqual({ ...empty, checks: { ...empty.checks, clock: expect.anything() } });

    await cli.run(['admin', 'migrate']);
    await sql(`delete from longshore_migrations.__drizzle_migrations
      where created_at = (select max(created_at) from longshore_migrations.__drizzle_migrations)`);
    expect((await diagnose()).checks.migrations).toMatchObject({
      verdict: 'wrong',
      found: expect.stringMatching(/^1 of \d+ are missing$/),
      advice: 'Run: longshore admin migrate',
    });
  });

  it('calls webhooks wrong that failed for good, and notes those that are tried again', async () => {
    await open('postgres');
    const api = await installation.start({ MODE: 'api' });
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}/hook?token=hidden`;
    const { id } = await api.enqueue('test:echo', 1, { webhook: { url } });
    await api.stop();
    const program = await installation.start({ OUTBOUND_ALLOW: 'none' }); // refuses the address: nothing is tried again
    await program.jobEnded(id);
    const { code, checks } = await waitFor(
      async () => {
        const diagnosis = await diagnose();
        return diagnosis.checks.webhooks?.verdict === 'wrong' && diagnosis;
      },
      { describe: 'the webhook failed', timeoutMs: 30_000 },
    );
    expect(code).toBe(1);
    expect(checks.webhooks).toMatchObject({
      found: expect.stringContaining(`1 webhook failed for good in the last day, the last to 127.0.0.1:${port}: `),
      advice: expect.stringContaining(`/v1/jobs/${id}/webhooks`),
    });
    expect(checks.webhooks?.found).not.toContain('hidden');

    await sql(`update longshore.webhook_deliveries set created_at = now() - interval '2 days'`);
    expect((await diagnose()).checks.webhooks).toMatchObject({ verdict: 'ok' });
    await sql(`update longshore.webhook_deliveries
      set status = 'pending', tries = 3, next_try_at = now() + interval '1 hour'`);
    expect((await diagnose()).checks.webhooks).toMatchObject({ verdict: 'note' });
  });

  it('looks at the embedded database without a program that runs, and makes none where there is none', async () => {
    installation = await Installation.create({ isEmbedded: true });
    cli = openCliSession({ cwd: installation.folder, env: installation.settings });
    const dataDir = installation.settings.DATA_DIR ?? '';
    for (const command of ['doctor', 'reconcile']) {
      const { code, stdout, stderr } = await cli.run(['admin', command]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain('DATABASE_URL is not set');
      expect(existsSync(`${dataDir}/postgres`)).toBe(false);
    }
    await cli.run(['admin', 'migrate']);
    const { code, checks } = await diagnose();
    expect(code).toBe(0);
    expect(checks.postgres?.found).toContain(`${dataDir} (embedded)`);
    expect(existsSync(`${dataDir}/postgres/data/postmaster.pid`)).toBe(false);
  });
});
