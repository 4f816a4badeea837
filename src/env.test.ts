import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Env, findConcurrencyOverride, findRateLimitOverride, loadEnv, readEnvFile, redactUrl } from './env.ts';
import { settings } from './env-settings.ts';
import { AppError, type FieldError } from './shared/errors.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'longshore-env-'));
  mkdirSync(join(cwd, 'my-jobs'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

function faultsOf(source: Record<string, string>): readonly FieldError[] {
  try {
    loadEnv(source, cwd);
  } catch (error) {
    if (error instanceof AppError && error.code === 'INVALID_CONFIGURATION') return error.errors ?? [];
    throw error;
  }
  return [];
}

describe('loadEnv', () => {
  it('gives the documented defaults when nothing is set', () => {
    expect(loadEnv({}, cwd)).toEqual({
      mode: 'all',
      nodeEnv: 'development',
      host: '127.0.0.1',
      port: 3001,
      maxBodyBytes: 1_048_576,
      retentionCompletedDays: 7,
      retentionFailedDays: 30,
      retentionNotificationDays: 90,
      maxOutputBytes: 1_048_576,
      threadsMin: 1,
      threadsMax: 4,
      threadsIdleMs: 30_000,
      threadsQueue: 100,
      threadMemoryMb: 256,
      databasePoolSize: 10,
      autoMigrate: true,
      queuePrefix: 'bull',
      queueConcurrency: 5,
      concurrencyOverrides: new Map(),
      rateLimitOverrides: new Map(),
      connectorSecrets: new Map(),
      jobsDir: join(cwd, 'jobs'),
      dataDir: join(cwd, '.longshore'),
      storageDir: join(cwd, '.longshore/files'),
      maxUploadBytes: 1_073_741_824,
      retentionUploadDays: 7,
      fileRoots: [cwd],
      lockDurationMs: 15_000,
      stalledIntervalMs: 10_000,
      shutdownTimeoutMs: 15_000,
      connectTimeoutMs: 30_000,
      dispatchIntervalMs: 1000,
      dispatchBatchSize: 500,
      dispatchWindow: 1000,
      reconcileIntervalMs: 15_000,
      leaderLeaseMs: 10_000,
      pollIntervalMs: 2000,
      outboundAllowPrivate: false,
      outboundAllow: ['127.0.0.0/8', '::1/128'],
      outboundPerHost: 32,
      outboundTimeoutMs: 900_000,
      outboundMaxBytes: 10_737_418_240,
      emailTemplatesDir: join(cwd, 'templates'),
      openAiModel: 'gpt-4o-mini',
      aiTokensPerDay: 0,
      aiCostPerDay: 0,
      logLevel: 'info',
    } satisfies Partial<Env>);
  });

  it('finds a dead worker within 30 seconds by default', () => {
    const env = loadEnv({}, cwd);
    expect(env.lockDurationMs + env.stalledIntervalMs).toBeLessThanOrEqual(30_000);
  });

  it('reads every setting', () => {
    const env = loadEnv(
      {
        MODE: 'worker',
        HOST: '0.0.0.0',
        PORT: '0',
        PUBLIC_URL: 'https://jobs.example.com/longshore/',
        DATABASE_URL: 'postgresql://u:p@db:5432/jobs?sslmode=require',
        REDIS_URL: 'rediss://:p@cache:6380/1',
        QUEUE_PREFIX: '{bull}',
        QUEUES: 'email, http,',
        JOBS_DIR: 'my-jobs',
        ADMIN_KEY: 'k'.repeat(16),
        WEBHOOK_SECRET: secret,
        LOG_FORMAT: 'json',
        AUTO_MIGRATE: 'false',
        DATA_DIR: '/var/lib/longshore',
        FILE_ROOTS: '/srv/in,more',
        OUTBOUND_ALLOW: '10.0.0.0/8,internal.example,fd00::/8',
        OUTBOUND_HOSTS: 'api.example, *.cdn.example',
        OUTBOUND_TIMEOUT_MS: '5000',
        OUTBOUND_MAX_BYTES: '1000000',
        OUTBOUND_ALLOW_PRIVATE: '1',
        ALERT_WEBHOOK_URL: 'https://hooks.example.com/services/T1',
        RETENTION_COMPLETED_DAYS: '0',
      },
      cwd,
    );
    expect(env).toMatchObject({
      mode: 'worker',
      host: '0.0.0.0',
      port: 0,
      publicUrl: 'https://jobs.example.com/longshore',
      databaseUrl: 'postgresql://u:p@db:5432/jobs?sslmode=require',
      redisUrl: 'rediss://:p@cache:6380/1',
      queuePrefix: '{bull}',
      queues: ['email', 'http'],
      jobsDir: join(cwd, 'my-jobs'),
      adminKey: 'k'.repeat(16),
      webhookSecret: secret,
      logFormat: 'json',
      autoMigrate: false,
      storageDir: '/var/lib/longshore/files',
      fileRoots: ['/srv/in', join(cwd, 'more')],
      outboundAllow: ['10.0.0.0/8', 'internal.example', 'fd00::/8'],
      outboundHosts: ['api.example', '*.cdn.example'],
      outboundTimeoutMs: 5000,
      outboundMaxBytes: 1_000_000,
      outboundAllowPrivate: true,
      alertWebhookUrl: 'https://hooks.example.com/services/T1',
      retentionCompletedDays: 0,
    });
  });

  it('listens on 3003 as a worker', () => {
    expect(loadEnv({ MODE: 'worker' }, cwd).port).toBe(3003);
  });

  it('allows no private address in production unless told so', () => {
    expect(loadEnv({ NODE_ENV: 'production' }, cwd).outboundAllow).toEqual([]);
    expect(loadEnv({ OUTBOUND_ALLOW: 'none' }, cwd).outboundAllow).toEqual([]);
  });

  it('treats an empty or blank text as unset', () => {
    const env = loadEnv({ PORT: '', ADMIN_KEY: '  ', REDIS_URL: '' }, cwd);
    expect(env.port).toBe(3001);
    expect(env.adminKey).toBeUndefined();
    expect(env.redisUrl).toBeUndefined();
  });

  it('lists every fault at once, with name, value and what is allowed', () => {
    const faults = faultsOf({ MODE: 'both', PORT: '70000', LOG_LEVEL: 'loud', QUEUES: 'a b', AUTO_MIGRATE: 'maybe' });
    expect(faults).toEqual([
      { path: 'MODE', message: 'is "both"; allowed: api or worker or all' },
      { path: 'PORT', message: 'is "70000"; allowed: a whole number from 0 to 65535' },
      { path: 'AUTO_MIGRATE', message: 'is "maybe"; allowed: true or false' },
      { path: 'QUEUES', message: expect.stringContaining('is "a b"; allowed: names of queues') },
      { path: 'LOG_LEVEL', message: 'is "loud"; allowed: error or warn or info or debug' },
    ]);
    expect(() => loadEnv({ MODE: 'both', PORT: 'x' }, cwd)).toThrow(
      /^2 settings are not valid:\n {2}MODE .*\n {2}PORT /,
    );
  });

  it.each(['1e3', '-1', '1.5', '0x10', '5 000', '1001', '0'])('refuses a concurrency of %s', (value) => {
    expect(faultsOf({ QUEUE_CONCURRENCY: value })).toHaveLength(1);
  });

  it.each([
    ['ADMIN_KEY', 'topsecret'],
    ['WEBHOOK_SECRET', 'whsec_topsecret'],
    ['WEBHOOK_SECRET', `whsec_${Buffer.alloc(65, 1).toString('base64')}topsecret`],
    ['ALERT_WEBHOOK_URL', 'slack://hooks.example.com/topsecret'],
    ['DATABASE_URL', 'mysql://me:topsecret@db/jobs'],
    ['DATABASE_URL', 'me:topsecret@db/jobs'],
    ['DATABASE_URL', 'topsecret'],
    ['REDIS_URL', 'http://:topsecret@cache'],
    ['REDIS_URL', 'http://u:1#topsecret@cache'],
    ['SMTP_URL', 'http://me:topsecret@mail?pwd=topsecret'],
    ['SMTP_URL', 'smtp://me:topsecret@'],
  ])('never shows the secret of %s', (name, value) => {
    const faults = faultsOf({ [name]: value });
    expect(faults).toHaveLength(1);
    expect(faults[0]?.path).toBe(name);
    expect(faults[0]?.message).toContain('***');
    expect(faults[0]?.message).not.toContain('topsecret');
  });

  it('refuses an address beyond this machine without a key, except for the health port of a worker', () => {
    for (const HOST of ['0.0.0.0', '::', '192.168.1.4', 'example.org', '::ffff:10.0.0.1']) {
      expect(faultsOf({ HOST })).toMatchObject([{ path: 'HOST', message: expect.stringContaining('ADMIN_KEY') }]);
      expect(faultsOf({ HOST, MODE: 'api' })).toHaveLength(1);
      expect(faultsOf({ HOST, MODE: 'worker' })).toEqual([]);
      expect(faultsOf({ HOST, ADMIN_KEY: 'k'.repeat(16) })).toEqual([]);
    }
    for (const HOST of ['localhost', '127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
      expect(faultsOf({ HOST })).toEqual([]);
    }
  });

  it('reports a short key once, not also as a missing one', () => {
    expect(faultsOf({ HOST: '0.0.0.0', ADMIN_KEY: 'short' }).map((fault) => fault.path)).toEqual(['ADMIN_KEY']);
  });

  it('refuses a JOBS_DIR that does not exist or is a file', () => {
    writeFileSync(join(cwd, 'a-file'), '');
    expect(faultsOf({ JOBS_DIR: 'nowhere' })).toMatchObject([{ path: 'JOBS_DIR' }]);
    expect(faultsOf({ JOBS_DIR: 'a-file' })).toMatchObject([{ path: 'JOBS_DIR' }]);
  });

  it('reads the concurrency of single queues', () => {
    const env = loadEnv({ QUEUE_CONCURRENCY_EMAIL_BULK: '20', QUEUE_CONCURRENCY_HTTP: '1' }, cwd);
    expect(findConcurrencyOverride(env, 'email-bulk')).toBe(20);
    expect(findConcurrencyOverride(env, 'http')).toBe(1);
    expect(findConcurrencyOverride(env, 'other')).toBeUndefined();
    expect(faultsOf({ QUEUE_CONCURRENCY_HTTP: 'many' })).toMatchObject([{ path: 'QUEUE_CONCURRENCY_HTTP' }]);
  });

  it('reads the rate limits of single queues', () => {
    const limitOf = (text: string) =>
      findRateLimitOverride(loadEnv({ QUEUE_RATE_LIMIT_EMAIL_BULK: text }, cwd), 'email-bulk');
    expect(limitOf('50/1s')).toEqual({ max: 50, durationMs: 1000 });
    expect(limitOf('100/m')).toEqual({ max: 100, durationMs: 60_000 });
    expect(limitOf('1000/24h')).toEqual({ max: 1000, durationMs: 86_400_000 });
    expect(limitOf('5/250ms')).toEqual({ max: 5, durationMs: 250 });
    expect(limitOf('none')).toBe('none');
    expect(findRateLimitOverride(loadEnv({}, cwd), 'email-bulk')).toBeUndefined();
    for (const wrong of ['50', '0/1s', '5/0s', '5/25h', '2000000/1s', '-1/1s', '1.5/s', '5/1d', '5 / 1s', 'off']) {
      expect(faultsOf({ QUEUE_RATE_LIMIT_HTTP: wrong }), wrong).toMatchObject([{ path: 'QUEUE_RATE_LIMIT_HTTP' }]);
    }
  });

  it('names every option of SMTP_URL that is wrong, with what is allowed, and counts them as one setting', () => {
    const SMTP_URL = 'smtp://me:topsecret@mail:587?pol=topsecret&requireTLS=yes';
    expect(faultsOf({ SMTP_URL })).toEqual([
      {
        path: 'SMTP_URL',
        message: expect.stringMatching(/^has an option "pol", which is unknown; allowed: requireTLS, /),
      },
      { path: 'SMTP_URL', message: 'has the option requireTLS="yes"; allowed: true or false' },
    ]);
    expect(() => loadEnv({ SMTP_URL }, cwd)).toThrow(/^One setting is not valid:\n {2}SMTP_URL .*\n {2}SMTP_URL /);
    expect(() => loadEnv({ SMTP_URL }, cwd)).not.toThrow(/topsecret/);
    const url = 'smtp://me:topsecret@mail:587?requireTLS=true';
    expect(loadEnv({ SMTP_URL: url }, cwd).smtpUrl).toBe(url);
  });

  it('refuses an EMAIL_FROM that is no address', () => {
    expect(loadEnv({ EMAIL_FROM: 'Shop <shop@example.com>' }, cwd).emailFrom).toBe('Shop <shop@example.com>');
    expect(faultsOf({ EMAIL_FROM: 'the shop' })).toMatchObject([{ path: 'EMAIL_FROM' }]);
  });

  it('reads secrets of connectors, each with the origin that it is for, and shows none of them', () => {
    const env = loadEnv({ CONNECTOR_SECRET_SHOP: 'https://shop.example.com/  a secret  of two', PATH: '/bin' }, cwd);
    expect([...env.connectorSecrets]).toEqual([
      ['SHOP', { origin: 'https://shop.example.com', secret: 'a secret  of two' }],
    ]);
    for (const wrong of ['only-a-secret', 'https://shop.example.com', 'https://shop.example.com/path x', 'ftp://x y']) {
      expect(faultsOf({ CONNECTOR_SECRET_A: wrong })).toEqual([
        { path: 'CONNECTOR_SECRET_A', message: expect.stringMatching(/^is \*\*\*; allowed: an origin/) },
      ]);
    }
  });

  it('says of every setting what is allowed', () => {
    for (const entry of Object.values(settings)) expect(entry.schema.description, entry.name).toBeTruthy();
  });
});

describe('readEnvFile', () => {
  it('adds what the environment does not set', () => {
    writeFileSync(join(cwd, '.env'), '# comment\nPORT=4000\nexport LOG_LEVEL="debug"\nREDIS_URL=redis://file\nHOST=\n');
    const target = readEnvFile(cwd, { PORT: '5000', REDIS_URL: '' });
    expect(target).toEqual({ PORT: '5000', LOG_LEVEL: 'debug', REDIS_URL: '', HOST: '' });
    expect(loadEnv(target, cwd)).toMatchObject({ port: 5000, logLevel: 'debug', redisUrl: undefined });
  });

  it('does nothing without a file', () => {
    expect(readEnvFile(join(cwd, 'my-jobs'), {})).toEqual({});
  });
});

describe('redactUrl', () => {
  it.each([
    ['postgres://me:pw@db:5432/jobs', 'postgres://me:***@db:5432/jobs'],
    ['redis://:pw@cache', 'redis://:***@cache'],
    ['redis://cache:6379/0', 'redis://cache:6379/0'],
    ['postgres://db/jobs?user=me&password=pw', 'postgres://db/jobs?user=me&password=***'],
    ['smtp://mail?pwd=pw', 'smtp://mail?pwd=***'],
    ['postgres://me:p/w@db/jobs', '***'],
    ['postgres://me:1#2@db/jobs', '***'],
    ['postgres:me:pw@db', '***'],
    ['not a url', '***'],
  ])('shows %s as %s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });
});
