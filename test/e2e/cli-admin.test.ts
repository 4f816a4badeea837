import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyWebhook } from '../../src/contract/verify-webhook.ts';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
import { findFreePort } from '../support/free-port.ts';
import { runSql } from '../support/postgres.ts';
import { Installation } from '../support/program.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

let installation: Installation;
let cli: CliSession;
afterEach(() => installation?.remove());

async function open(options: { isEmbedded: boolean }): Promise<void> {
  installation = await Installation.create(options);
  const { DATABASE_URL, DATA_DIR = '' } = installation.settings;
  const env = { DATA_DIR, ...(DATABASE_URL === undefined ? {} : { DATABASE_URL }) };
  cli = openCliSession({ cwd: installation.folder, env });
}

async function countApplied(): Promise<number> {
  const [row] = await runSql<{ count: number }>(
    installation.settings.DATABASE_URL ?? '',
    'select count(*)::int as count from longshore_migrations.__drizzle_migrations',
  );
  return row?.count ?? 0;
}

describe('longshore admin migrate on DATABASE_URL', () => {
  beforeEach(() => open({ isEmbedded: false }));

  it('makes an empty database one that a program without AUTO_MIGRATE starts on', async () => {
    const tooEarly = installation.launch({ AUTO_MIGRATE: 'false' });
    expect(await tooEarly.ended).toEqual({ code: 1, signal: null });
    expect(tooEarly.stderr).toMatch(/^longshore cannot start: .*longshore admin migrate/m);

    const { code, stdout, stderr } = await cli.run(['admin', 'migrate']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '✔ The database is up to date.\n', stderr: '' });
    const program = await installation.start({ AUTO_MIGRATE: 'false' });
    const { id } = await program.enqueue('test:echo', 1);
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', output: 1 });
  });

  it('does no harm again, several at once, and beside a program that runs', async () => {
    const all = await Promise.all([1, 2, 3].map(() => cli.runJson('admin', 'migrate')));
    expect(all).toEqual(Array(3).fill({ code: 0, document: { migrated: true } }));
    const applied = await countApplied();
    expect(applied).toBeGreaterThan(0);
    const program = await installation.start();
    const { id } = await program.enqueue('test:echo', 1, { delayMs: 600_000 });
    expect(await cli.run(['admin', 'migrate'])).toMatchObject({ code: 0 });
    expect(await countApplied()).toBe(applied);
    expect(await program.job(id)).toMatchObject({ status: 'scheduled' });
  });

  it('takes the database from .env, and the environment before that', async () => {
    writeFileSync(join(installation.folder, '.env'), `DATABASE_URL=${installation.settings.DATABASE_URL}\n`);
    const bare = openCliSession({ cwd: installation.folder });
    expect(await bare.run(['admin', 'migrate'])).toMatchObject({ code: 0, stderr: '' });
    expect(await countApplied()).toBeGreaterThan(0);
    const dead = `postgres://a:hidden@127.0.0.1:${await findFreePort()}/x`;
    const { code } = await bare.run(['admin', 'migrate'], { env: { DATABASE_URL: dead } });
    expect(code).toBe(3);
  });

  it('exits with 3 when the database does not answer, without its password', async () => {
    const port = await findFreePort();
    const env = { DATABASE_URL: `postgres://longshore:hidden@127.0.0.1:${port}/longshore` };
    const { code, stdout, stderr } = await cli.run(['admin', 'migrate'], { env });
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain('ECONNREFUSED');
    const json = await cli.run(['admin', 'migrate', '--json'], { env });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'STORE_UNAVAILABLE', exitCode: 3 } });
    expect(stderr + json.stderr).not.toMatch(/hidden|^\s+at /m);
  });

  it('exits with 2 for credentials that are wrong and for settings that are not valid', async () => {
    const url = new URL(installation.settings.DATABASE_URL ?? '');
    url.password = 'wrong-one';
    const refused = await cli.run(['admin', 'migrate'], { env: { DATABASE_URL: url.href } });
    expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('password authentication') });
    expect(refused.stderr).not.toMatch(/wrong-one|^\s+at /m);
    const invalid = await cli.run(['admin', 'migrate'], { env: { DATABASE_URL: 'mysql://x', PORT: 'x' } });
    expect(invalid).toMatchObject({ code: 2, stdout: '' });
    expect(invalid.stderr).toMatch(/2 settings are not valid:\n {2}.*PORT.*\n {2}.*DATABASE_URL/);
  });
});

describe('longshore admin webhook-secret', () => {
  beforeEach(() => open({ isEmbedded: false }));

  it('prints the secret that the installation made for itself, by which its webhooks can be verified', async () => {
    const { code, stdout } = await cli.run(['admin', 'webhook-secret']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^whsec_\S+\n$/);
    const receiver = await startWebhookReceiver();
    try {
      const program = await installation.start();
      await program.enqueue('test:echo', 1, { webhook: { url: `${receiver.url}/hook` } });
      const [request] = await receiver.waitForRequests('/hook', 1);
      const payload = await verifyWebhook(request?.body ?? '', request?.headers ?? {}, stdout.trim());
      expect(payload).toMatchObject({ type: 'job.completed' });
    } finally {
      await receiver.stop();
    }
    expect((await cli.runJson('admin', 'webhook-secret')).document).toEqual({ webhookSecret: stdout.trim() });
  });

  it('prints WEBHOOK_SECRET where it is set', async () => {
    const WEBHOOK_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const { stdout } = await cli.run(['admin', 'webhook-secret'], { env: { WEBHOOK_SECRET } });
    expect(stdout).toBe(`${WEBHOOK_SECRET}\n`);
  });
});

describe('longshore admin migrate on the embedded database', () => {
  beforeEach(() => open({ isEmbedded: true }));
  const isRunning = () => existsSync(join(installation.settings.DATA_DIR ?? '', 'postgres/data/postmaster.pid'));

  it('creates it, migrates it, and stops it again', async () => {
    const { code, stdout, stderr } = await cli.run(['admin', 'migrate']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '✔ The database is up to date.\n', stderr: '' });
    expect(isRunning()).toBe(false);
    const program = await installation.start({ AUTO_MIGRATE: 'false' });
    const { id } = await program.enqueue('test:echo', 1);
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
    expect(await program.stop()).toEqual({ code: 0, signal: null });
  });

  it('joins that of a program that runs, and leaves it running', async () => {
    const program = await installation.start();
    expect(await cli.runJson('admin', 'migrate')).toEqual({ code: 0, document: { migrated: true } });
    expect(isRunning()).toBe(true);
    const { id } = await program.enqueue('test:echo', 1);
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    expect(isRunning()).toBe(false);
  });
});
