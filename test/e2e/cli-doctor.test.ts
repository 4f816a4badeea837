import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
import { diagnose, lineOf } from '../support/diagnosis.ts';
import { findFreePort } from '../support/free-port.ts';
import { runSql } from '../support/postgres.ts';
import { Installation, type Settings } from '../support/program.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';

const CHECKS = ['postgres', 'migrations', 'clock', 'redis', 'drift', 'workers', 'waiting', 'webhooks', 'leader'];
const RECORD_CHECKS = ['drift', 'workers', 'waiting', 'webhooks', 'leader'];

let installation: Installation;
let redis: TestRedis | undefined;
let cli: CliSession;

async function open(transport: TransportName, settings: Settings = {}): Promise<void> {
  redis = transport === 'bullmq' ? await startRedis({ isDurable: true }) : undefined;
  installation = await Installation.create({ settings: { ...(redis ? { REDIS_URL: redis.url } : {}), ...settings } });
  cli = openCliSession({ cwd: installation.folder, env: installation.settings });
}

afterEach(async () => {
  await installation?.remove();
  await redis?.stop();
});

const sql = (text: string) => runSql(installation.settings.DATABASE_URL ?? '', text);

describe.each<TransportName>(['postgres', 'bullmq'])('longshore admin doctor, on the %s transport', (transport) => {
  it('finds nothing wrong with a program that works', async () => {
    await open(transport);
    const program = await installation.start();
    await program.jobEnded((await program.enqueue('test:echo', 1)).id);
    await program.enqueue('test:echo', 1, { delayMs: 3_600_000 });
    const { code, checks } = await waitFor(
      async () => {
        const diagnosis = await diagnose(cli);
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
    const unserved = await diagnose(cli);
    expect(unserved).toMatchObject({
      code: 1,
      checks: { workers: { verdict: 'wrong', found: 'nobody serves test (1 due)' }, waiting: { verdict: 'ok' } },
    });
    expect(unserved.checks.workers?.advice).toContain('MODE=worker longshore start');

    await sql(`update longshore.jobs set run_at = now() - interval '2 hours'`);
    expect((await diagnose(cli)).checks.waiting).toMatchObject({
      verdict: 'wrong',
      found: expect.stringContaining('2 h'),
    });

    await program.call('/v1/queues/test/pause', { method: 'POST' });
    const paused = await diagnose(cli);
    expect(paused.checks.workers).toMatchObject({ verdict: 'note', found: 'paused: test (1 due)' });
    expect(paused.checks.waiting).toMatchObject({ verdict: 'ok' });
    expect(paused.code).toBe(0);
  });

  it('tells of a run whose worker is gone, which reconcile gives back where no program runs', async () => {
    await open(transport, { LOCK_DURATION_MS: '1000', LEADER_LEASE_MS: '1000' });
    const doomed = await installation.start();
    const path = installation.nextGate();
    const { id } = await doomed.enqueue('test:gate', { path });
    await doomed.jobIs(id, 'processing');
    await doomed.stop('SIGKILL');
    const { checks } = await waitFor(
      async () => {
        const diagnosis = await diagnose(cli);
        const { drift, workers } = diagnosis.checks; // the leases of the worker and of the leader end one after the other
        return drift?.verdict === 'wrong' && workers?.verdict === 'wrong' && diagnosis;
      },
      { describe: 'the run is known to be lost, and nobody to repair it', timeoutMs: 30_000 },
    );
    expect(checks.drift?.found).toMatch(/1 lost_run$/);
    expect(checks.workers?.found).toBe('nobody serves test (1 due)');

    const { code, document } = await cli.runJson<{ repairs: Record<string, number> }>('admin', 'reconcile');
    expect(code).toBe(0);
    expect(document.repairs).toMatchObject({ lost_run: 1, missing: 0 });
    expect((await diagnose(cli)).checks.drift).toMatchObject({ verdict: 'ok' });
    writeFileSync(path, '');
    const next = await installation.start();
    expect(await next.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
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

  it('does not wait for ever for servers that take the connection and say nothing', async () => {
    await open('postgres');
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    try {
      const { code, checks } = await diagnose(cli, {
        DATABASE_URL: `postgres://longshore:hidden@127.0.0.1:${port}/longshore`,
        REDIS_URL: `redis://127.0.0.1:${port}`,
      });
      expect(code).toBe(1);
      expect(checks).toMatchObject({ postgres: { verdict: 'wrong' }, redis: { verdict: 'wrong' } });
    } finally {
      silent.close();
    }
  });

  it('calls missing migrations wrong, and applies none', async () => {
    await open('postgres');
    const empty = await diagnose(cli);
    expect(empty.code).toBe(1);
    expect(empty.checks.migrations).toMatchObject({ verdict: 'wrong', found: 'none has been applied' });
    expect(empty.checks.drift).toMatchObject({ verdict: 'note', found: 'not checked: migrations are missing' });
    expect(await diagnose(cli)).toEqual({ ...empty, checks: { ...empty.checks, clock: expect.anything() } });

    await cli.run(['admin', 'migrate']);
    await sql(`delete from longshore_migrations.__drizzle_migrations
      where created_at = (select max(created_at) from longshore_migrations.__drizzle_migrations)`);
    expect((await diagnose(cli)).checks.migrations).toMatchObject({
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
        const diagnosis = await diagnose(cli);
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
    expect((await diagnose(cli)).checks.webhooks).toMatchObject({ verdict: 'ok' });
    await sql(`update longshore.webhook_deliveries
      set status = 'pending', tries = 3, next_try_at = now() + interval '1 hour'`);
    expect((await diagnose(cli)).checks.webhooks).toMatchObject({ verdict: 'note' });
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
    const { code, checks } = await diagnose(cli);
    expect(code).toBe(0);
    expect(checks.postgres?.found).toContain(`${dataDir} (embedded)`);
    expect(existsSync(`${dataDir}/postgres/data/postmaster.pid`)).toBe(false);
  });
});
