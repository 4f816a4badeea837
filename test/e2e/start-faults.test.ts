import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/cli-process.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { Installation, type Settings } from '../support/program.ts';

describe('a start that cannot succeed', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.create();
  });
  afterAll(() => installation?.remove());

  /** @returns what it wrote to standard error: the whole reason, and nothing else */
  async function failToStart(settings: Settings): Promise<{ reason: string; output: string }> {
    const program = installation.launch(settings);
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.output).not.toMatch(/\n\s+at /); // a stack says nothing to whoever starts the program
    return { reason: program.stderr, output: program.output };
  }

  function writeJob(name: string, code: string): string {
    const folder = join(installation.folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'broken.ts'), code);
    return folder;
  }

  it('lists all faults of the configuration at once, each with its value and what is allowed', async () => {
    const { reason } = await failToStart({
      MODE: 'both',
      PORT: '70000',
      QUEUE_CONCURRENCY: '0',
      QUEUE_CONCURRENCY_TEST: 'many',
      REDIS_URL: 'http://user:hidden@localhost',
      SMTP_URL: 'smtp://user:hidden@mail.example.com?idleTimeout=never',
      JOBS_DIR: 'nowhere',
      LOG_FORMAT: 'xml',
      ADMIN_KEY: 'short',
    });
    expect(reason.trimEnd().split('\n')).toEqual([
      'longshore cannot start: 9 settings are not valid:',
      '  MODE is "both"; allowed: api or worker or all',
      '  PORT is "70000"; allowed: a whole number from 0 to 65535',
      '  ADMIN_KEY is ***; allowed: at least 16 ASCII characters without spaces',
      '  REDIS_URL is http://user:***@localhost/; allowed: a URL that begins with redis:// or rediss://',
      '  QUEUE_CONCURRENCY is "0"; allowed: a whole number from 1 to 1000',
      '  SMTP_URL has the option idleTimeout="never"; allowed: a whole number from 1 to 3600000',
      '  LOG_FORMAT is "xml"; allowed: json or pretty',
      '  QUEUE_CONCURRENCY_TEST is "many"; allowed: a whole number from 1 to 1000',
      '  JOBS_DIR is "nowhere", which is not a folder; allowed: the path of a folder',
    ]);
  });

  it('tries a Redis that does not answer for as long as it was told, says so, and gives up', async () => {
    const { reason, output } = await failToStart({
      REDIS_URL: 'redis://:hidden@127.0.0.1:1',
      CONNECT_TIMEOUT_MS: '4000', // time for a second try, however slow the machine
    });
    expect(output).toMatch(/Redis at redis:\/\/:\*\*\*@127\.0\.0\.1:1 .*ECONNREFUSED.*trying for another/);
    expect(output.match(/trying for another/g)?.length).toBeGreaterThan(1);
    expect(reason).toMatch(/^longshore cannot start: Redis at .* does not answer: .*ECONNREFUSED.*gave up after 4 s$/m);
    expect(output).not.toContain('hidden');
  });

  it('does the same for a PostgreSQL that is away', async () => {
    const { reason, output } = await failToStart({
      DATABASE_URL: 'postgres://longshore:hidden@127.0.0.1:1/longshore',
      CONNECT_TIMEOUT_MS: '1500',
    });
    expect(output).toMatch(/PostgreSQL at postgres:\/\/longshore:\*\*\*@127\.0\.0\.1:1.*trying for another/);
    expect(reason).toMatch(/^longshore cannot start: PostgreSQL at .*gave up after 2 s$/m);
    expect(output).not.toContain('hidden');
  });

  it('gives up at once on a wrong password or a database that does not exist', async () => {
    const url = new URL(installation.settings.DATABASE_URL as string);
    url.pathname = '/no_such_database';
    const missing = await failToStart({ DATABASE_URL: url.href });
    expect(missing.reason).toMatch(/^longshore cannot start: PostgreSQL at .*"no_such_database" does not exist$/m);
    expect(missing.output).not.toContain('trying for another');
    url.password = 'wrong-one';
    const refused = await failToStart({ DATABASE_URL: url.href });
    expect(refused.reason).toMatch(/^longshore cannot start: PostgreSQL at .*password authentication failed/m);
    expect(refused.output).not.toMatch(/wrong-one|trying for another/);
  });

  it.each([
    ['an import that leads nowhere', `import './nothing.ts';`, '', 'nothing.ts'],
    ['a syntax error', '// fine\nexport const x = ;', ':2', 'Expression expected'],
    ['an error at its top level', `\n\nthrow new Error('no luck today');`, ':3', 'no luck today'],
    [
      'a definition that is not allowed',
      `import { defineJob, z } from 'longshore';
       export const job = defineJob({ type: 'two words', input: z.string(), run: () => null });`,
      ':2',
      'job "two words": type must be words',
    ],
  ])('names the job file with %s, its line and the cause', async (what, code, line, cause) => {
    const folder = writeJob(`jobs-${what.replaceAll(' ', '-')}`, code);
    const { reason } = await failToStart({ JOBS_DIR: folder });
    const path = join(folder, 'broken.ts');
    expect(reason).toContain(`longshore cannot start: job file ${path}${line} cannot be loaded: `);
    expect(reason).toContain(cause);
  });

  it('names a job type that is defined twice', async () => {
    const folder = writeJob(
      'twice',
      `import { defineJob, z } from 'longshore';
       export const job = defineJob({ type: 'http:request', input: z.string(), run: () => null });`,
    );
    const { reason } = await failToStart({ JOBS_DIR: folder });
    expect(reason).toMatch(/^longshore cannot start: .*"http:request".*twice/m);
  });

  it('names a queue that no job is for', async () => {
    const { reason } = await failToStart({ MODE: 'worker', QUEUES: 'test,mail' });
    expect(reason).toMatch(/^longshore cannot start: QUEUES names mail; queues are: .*test/m);
  });

  it('says that the port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { reason } = await failToStart({ PORT: String(port) });
    expect(reason).toMatch(
      new RegExp(`^longshore cannot start: cannot listen on 127\\.0\\.0\\.1:${port} .*EADDRINUSE`, 'm'),
    );
    server.close();
  });

  it('asks for the migrations where AUTO_MIGRATE is false, and starts when they were applied', async () => {
    const database = await createTestDatabase();
    const settings = { DATABASE_URL: database.url, AUTO_MIGRATE: 'false' };
    const { reason } = await failToStart(settings);
    expect(reason).toMatch(/^longshore cannot start: .*AUTO_MIGRATE is false: run "longshore admin migrate"$/m);
    const migrated = await runCli(['admin', 'migrate'], { cwd: installation.folder, env: settings });
    expect(migrated).toMatchObject({ code: 0, stdout: expect.stringContaining('up to date') });
    const program = await installation.start(settings);
    await program.stop();
    await database.drop();
  });
});
