import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
import { diagnose, lineOf } from '../support/diagnosis.ts';
import { findFreePort } from '../support/free-port.ts';
import { Installation } from '../support/program.ts';
import { type RedisOptions, startRedis, type TestRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';

const log = createLogger({ level: 'error', format: 'json' });
let installation: Installation;
let redis: TestRedis;
let cli: CliSession;

async function open(options: RedisOptions = {}): Promise<void> {
  redis = await startRedis({ isDurable: true, ...options });
  installation = await Installation.create({ settings: { REDIS_URL: redis.url } });
  cli = openCliSession({ cwd: installation.folder, env: installation.settings });
}

afterEach(async () => {
  await installation?.remove();
  await redis?.stop();
});

describe('longshore admin doctor and Redis', () => {
  it('calls a Redis wrong that may evict, and says of one that keeps nothing that the record does', async () => {
    await open({ isDurable: false, flags: ['--maxmemory-policy', 'allkeys-lru'] });
    const program = await installation.start({ MODE: 'api' });
    await program.enqueue('test:echo', 1); // so that there is something to compare
    const { code, stdout, stderr } = await cli.run(['admin', 'doctor']);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(lineOf(stdout, 'redis-memory')).toMatch(/^✖ .*allkeys-lru.* → .*CONFIG SET maxmemory-policy noeviction/);
    expect(lineOf(stdout, 'redis-persistence')).toMatch(/^! .*a restart empties the queues → No job is lost/);
    expect(stdout).toMatch(/\n2 of 11 checks found something wrong, 1 note\.\n$/);
  });

  it('reads what a managed Redis still tells where CONFIG is forbidden', async () => {
    await open({ flags: ['--rename-command', 'CONFIG', ''] });
    await migrate(installation.settings.DATABASE_URL ?? '', log);
    const { code, checks } = await diagnose(cli);
    expect(code).toBe(0);
    expect(checks).toMatchObject({
      'redis-memory': { verdict: 'ok', found: expect.stringContaining('noeviction') },
      'redis-persistence': { verdict: 'ok' },
    });
  });

  it('says what it could not look at where INFO is forbidden too', async () => {
    const flags = ['--user', 'guest', 'on', '>hidden', '~*', '&*', '+@all', '-info', '-config'];
    await open({ flags });
    await migrate(installation.settings.DATABASE_URL ?? '', log);
    const { code, checks } = await diagnose(cli, { REDIS_URL: redis.url.replace('//', '//guest:hidden@') });
    expect(code).toBe(0);
    for (const check of ['redis', 'redis-memory', 'redis-persistence']) {
      expect(checks[check]).toMatchObject({ verdict: 'note', found: expect.stringMatching(/not tell|not told/) });
    }
  });

  it('calls it wrong when Redis does not answer, or refuses the password, without showing it', async () => {
    await open({ flags: ['--requirepass', 'secret'] });
    await migrate(installation.settings.DATABASE_URL ?? '', log);
    const refused = await cli.run(['admin', 'doctor'], {
      env: { REDIS_URL: redis.url.replace('//', '//:hidden@') },
    });
    expect(lineOf(refused.stdout, 'redis')).toMatch(/^✖ .*WRONGPASS/);
    const away = await cli.run(['admin', 'doctor'], {
      env: { REDIS_URL: `redis://:hidden@127.0.0.1:${await findFreePort()}` },
    });
    expect(away.code).toBe(1);
    expect(lineOf(away.stdout, 'redis')).toMatch(/^✖ .*ECONNREFUSED.* → Jobs are still accepted/);
    for (const check of ['redis-memory', 'redis-persistence', 'drift']) {
      expect(lineOf(away.stdout, check)).toContain('not checked: ');
    }
    expect(refused.stdout + away.stdout + refused.stderr + away.stderr).not.toContain('hidden');
  });

  it('notices that BullMQ holds jobs where it was given no REDIS_URL', async () => {
    await open();
    const program = await installation.start({ MODE: 'api' });
    await program.enqueue('test:echo', 1);
    expect((await diagnose(cli, { REDIS_URL: '' })).checks.redis).toMatchObject({
      verdict: 'note',
      advice: expect.stringContaining('REDIS_URL'),
    });
  });

  it('tells of jobs that Redis lost; reconcile repairs that, and then they run', async () => {
    await open();
    const program = await installation.start({ MODE: 'api' });
    const jobs = [];
    for (let n = 0; n < 3; n += 1) jobs.push(await program.enqueue('test:echo', n));
    const lost = jobs[1]?.id ?? '';
    const client = new Redis(redis.url);
    const prefix = `${installation.prefix}:test:`;
    await waitFor(async () => (await client.llen(`${prefix}wait`)) === 3, { describe: 'BullMQ holds the jobs' });
    await program.stop(); // only now: a program that stops puts back what is still on its way
    await client.lrem(`${prefix}wait`, 1, lost);
    await client.del(`${prefix}${lost}`);

    const keys = await client.dbsize();
    const before = await waitFor(
      async () => {
        const diagnosis = await diagnose(cli); // spares what was handed over in the last seconds
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
    expect((await diagnose(cli)).checks.drift).toMatchObject({ verdict: 'ok' });
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
    await open();
    const program = await installation.start({ MODE: 'api' });
    await program.enqueue('test:echo', 1);
    const client = new Redis(redis.url);
    await client.hset(`${installation.prefix}:test:meta`, 'paused', '1');
    client.disconnect();
    expect((await diagnose(cli)).checks.drift).toMatchObject({
      verdict: 'note',
      found: 'paused in BullMQ, and not by Longshore: test',
      advice: expect.stringContaining('POST /v1/queues/test/resume'),
    });
  });
});
