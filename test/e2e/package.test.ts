import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import { Child } from '../support/child.ts';
import type { CliEnd } from '../support/cli-process.ts';
import { findFreePort } from '../support/free-port.ts';
import { runWhenOrphaned } from '../support/orphan-guard.ts';
import { npmEnvironment, packRepository, runNpm } from '../support/packed.ts';
import { Installation, Program } from '../support/program.ts';

const INSTALL_TIMEOUT_MS = 300_000;
const START_TIMEOUT_MS = 120_000;
const COMPILER = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
const ADA = { name: 'Ada', steps: 1 };
const STOP_AND_REMOVE = `
  note="$1/.longshore/postgres/data/postmaster.pid"
  test -e "$note" && kill -QUIT "$(head -n 1 "$note")"
  rm -rf "$1"`;

/** An empty folder that only its owner may enter, as a user has it. */
class UserFolder {
  readonly path: string;
  readonly env: Record<string, string>;
  readonly #installation: Installation;

  private constructor(path: string, port: number, installation: Installation) {
    this.path = path;
    this.env = { ...npmEnvironment(), PORT: String(port), LONGSHORE_URL: `http://127.0.0.1:${port}` };
    this.#installation = installation;
  }

  static async create(installation: Installation): Promise<UserFolder> {
    return new UserFolder(await mkdtemp(join(tmpdir(), 'longshore-user-')), await findFreePort(), installation);
  }

  async run(command: string, ...args: string[]): Promise<CliEnd> {
    const child = new Child(command, args, { cwd: this.path, env: this.env });
    const { code } = await child.ended;
    return { code, stdout: child.stdout, stderr: child.stderr };
  }

  /** Starts the program as people do, and stops it with Ctrl-C, which goes to the whole group. */
  async whileRunning(command: string, args: string[], act: (program: Program) => Promise<void>): Promise<void> {
    const program = new Program(command, args, { cwd: this.path, env: this.env, isGroup: true });
    this.#installation.watchOver(program);
    await program.waitUntilReady();
    await act(program);
    await program.stop('SIGINT');
    expect(program.output).toMatch(/SIGINT: stopping/);
    expect(program.output).toMatch(/the embedded PostgreSQL has stopped/);
    expect(existsSync(join(this.path, '.longshore/postgres/data/postmaster.pid'))).toBe(false);
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }
}

let installation: Installation; // for its clean-up, and for a program of this repository
let tarball: string;
let user: UserFolder;
const guards: { runNow(): Promise<void> }[] = [];

async function openFolder(): Promise<UserFolder> {
  const folder = await UserFolder.create(installation);
  guards.push(runWhenOrphaned(STOP_AND_REMOVE, folder.path));
  return folder;
}

beforeAll(async () => {
  installation = await Installation.create();
  tarball = await packRepository(installation.folder);
  user = await openFolder();
  await runNpm(user.path, 'install', '--prefer-offline', tarball);
}, INSTALL_TIMEOUT_MS);
afterAll(async () => {
  await installation?.remove();
  await Promise.all(guards.map((guard) => guard.runNow()));
});

describe('the package', () => {
  const listFiles = () => {
    const root = join(user.path, 'node_modules/longshore');
    const names = readdirSync(root, { recursive: true }).map(String);
    return names.filter((name) => statSync(join(root, name)).isFile());
  };

  it('holds what it runs on, its documents and its licence, and nothing else', () => {
    const top = new Set(listFiles().map((name) => name.split('/')[0] ?? ''));
    expect([...top].sort()).toEqual([
      '.env.example',
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'dist',
      'docs',
      'drizzle',
      'examples',
      'package.json',
    ]);
    const ofFolder = (folder: string) => listFiles().filter((name) => name.startsWith(`${folder}/`));
    const isOfPage = (name: string) => name.startsWith('dist/api/pages/swagger-ui/');
    const built = ofFolder('dist').filter((name) => !isOfPage(name));
    expect(built.filter((name) => !/\.(js|d\.ts)$/.test(name) || /\.test\./.test(name))).toEqual([]);
    expect(ofFolder('dist').filter(isOfPage).length).toBeGreaterThan(2);
    expect(ofFolder('drizzle')).toEqual(expect.arrayContaining(['drizzle/meta/_journal.json']));
    expect(ofFolder('drizzle').filter((name) => !/\.(sql|json)$/.test(name))).toEqual([]);
    expect(ofFolder('docs').filter((name) => !/\.(md|svg)$/.test(name))).toEqual([]);
    expect(ofFolder('examples').filter((name) => !/\.(md|ts)$/.test(name))).toEqual([]);
  });

  it('has every migration that its journal names', () => {
    const journal = JSON.parse(user.read('node_modules/longshore/drizzle/meta/_journal.json'));
    const files = listFiles();
    expect(journal.entries.length).toBeGreaterThan(0);
    for (const { tag } of journal.entries) expect(files).toContain(`drizzle/${tag}.sql`);
  });
});

describe('npm install, longshore init, longshore start in an empty folder', { timeout: START_TIMEOUT_MS }, () => {
  it('init writes a job, settings and a start script, and keeps them when it runs again', async () => {
    const first = await user.run('npx', 'longshore', 'init');
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/^wrote +jobs\/hello\.ts$/m) });
    expect(first.stdout).toMatch(/Next:\n +npx longshore start/);
    expect(readdirSync(user.path)).toEqual(expect.arrayContaining(['.env', '.gitignore', 'jobs', 'tsconfig.json']));
    expect(JSON.parse(user.read('package.json'))).toMatchObject({
      type: 'module',
      scripts: { start: 'longshore start' },
      dependencies: { longshore: expect.any(String) },
    });
    expect((await user.run('npx', 'longshore', 'init')).stdout).not.toMatch(/^(wrote|changed)/m);
  });

  it('the first job runs over HTTP and by the command, on a database of its own', async () => {
    const early = await user.run('npx', 'longshore', 'enqueue', 'hello');
    expect(early).toMatchObject({ code: 3, stderr: expect.stringContaining('npx longshore start') });
    await user.whileRunning('npx', ['longshore', 'start'], async (program) => {
      const { id } = await program.enqueue('hello', ADA);
      expect(await program.jobEnded(id)).toMatchObject({ output: { greeting: 'Hello, Ada!' } });
      const enqueue = ['longshore', 'enqueue', 'hello', '--input', JSON.stringify(ADA)];
      const shown = await user.run('npx', ...enqueue, '--wait');
      expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('{"greeting":"Hello, Ada!"}') });
      const { stdout } = await user.run('npx', ...enqueue, '--wait', '--json');
      expect(JSON.parse(stdout)).toMatchObject({ status: 'completed', output: { greeting: 'Hello, Ada!' } });
      const card = await program.enqueue('video:image', { title: 'Ada' }); // drawn in a thread
      expect(await program.jobEnded(card.id)).toMatchObject({ status: 'completed', output: { width: 1280 } });
      const wrong = await user.run('npx', 'longshore', 'enqueue', 'hello', '--input', '{"name":""}');
      expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('input.name: ') });
    });
    expect(readdirSync(join(user.path, '.longshore'))).toContain('postgres');
    expect(statSync(user.path).mode & 0o777).toBe(0o700);
  });

  it('npm start does the same, with everything that was there before', async () => {
    await user.whileRunning('npm', ['start'], async (program) => {
      const { body } = await program.call<{ items: JobResource[] }>('/v1/jobs?type=hello');
      expect(body.items.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
      const { id } = await program.enqueue('hello', ADA);
      expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
    });
  });

  it('the job file runs unchanged in this repository', async () => {
    const jobs = join(installation.folder, 'jobs'); // no package is installed here
    mkdirSync(jobs);
    copyFileSync(join(user.path, 'jobs/hello.ts'), join(jobs, 'hello.ts'));
    const program = await installation.start({ JOBS_DIR: jobs });
    const { id } = await program.enqueue('hello', ADA);
    expect(await program.jobEnded(id)).toMatchObject({ output: { greeting: 'Hello, Ada!' } });
    await program.stop();
  });

  it('longshore, longshore/testing and longshore/client can be imported, and nothing behind them', async () => {
    const script = `
      import { defineJob, NonRetryableError, verifyWebhook, z } from 'longshore';
      import { createClient, LongshoreError } from 'longshore/client';
      import { runJob } from 'longshore/testing';
      import { hello } from './jobs/hello.ts';
      const { output, progress } = await runJob(hello, ${JSON.stringify(ADA)});
      const inner = await import('longshore/dist/env.js').catch(({ code }) => code);
      const kinds = [defineJob, NonRetryableError, verifyWebhook, z.object, LongshoreError].map((each) => typeof each);
      const { url } = createClient({ url: 'http://127.0.0.1:1/' });
      console.log(JSON.stringify({ output, last: progress.at(-1)?.percent, inner, kinds, url }));`;
    const { code, stdout, stderr } = await user.run('node', '--input-type=module', '--eval', script);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      output: { greeting: 'Hello, Ada!' },
      last: 100,
      inner: 'ERR_PACKAGE_PATH_NOT_EXPORTED',
      kinds: Array(5).fill('function'),
      url: 'http://127.0.0.1:1',
    });
  });

  it('the types are exact, with the settings that init wrote', async () => {
    writeFileSync(join(user.path, 'jobs/types.test.ts'), TYPES);
    const { code, stdout } = await user.run('node', COMPILER, '--noEmit', '--project', '.', '--pretty', 'false');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });
});

// Each expected error proves that a type is not simply `any`.
const TYPES = `
import { defineJob, NonRetryableError, z } from 'longshore';
import { createClient } from 'longshore/client';
import { runJob } from 'longshore/testing';
import { hello } from './hello.ts';

declare module 'longshore' {
  interface Services {
    mailer: { send(to: string): Promise<number> };
  }
}

export const welcome = defineJob({
  type: 'welcome',
  input: z.object({ to: z.string() }),
  output: z.object({ sent: z.number() }),
  async run({ to }, ctx) {
    const response = await ctx.services.fetch('https://example.com', { signal: ctx.signal });
    if (response.status === 410) throw new NonRetryableError('gone');
    // @ts-expect-error a status is a number
    const status: string = response.status;
    // @ts-expect-error there is no such service
    ctx.services.printer.print(status);
    return { sent: await ctx.services.mailer.send(to) };
  },
});

const { output } = await runJob(hello, { name: 'Ada', steps: 1 });
export const greeting: string = output.greeting;
// @ts-expect-error steps is a number
await runJob(hello, { name: 'Ada', steps: 'one' });

const job = await createClient({ url: 'http://127.0.0.1:3001' }).jobs.create('hello', { name: greeting });
export const percent: number = job.progress.percent;
// @ts-expect-error an id is text
export const id: number = job.id;

const typed = createClient<{ hello: typeof hello }>({ url: 'http://127.0.0.1:3001' });
export const { greeting: shown } = await typed.jobs.run('hello', { name: 'Ada' });
// @ts-expect-error there is no such job
await typed.jobs.run('bye', { name: 'Ada' });
`;

describe('an npm that runs no install scripts', () => {
  it('installs a package that works all the same', { timeout: INSTALL_TIMEOUT_MS }, async () => {
    const folder = await openFolder();
    await runNpm(folder.path, 'install', '--prefer-offline', '--ignore-scripts', tarball);
    await folder.run('npx', 'longshore', 'init');
    await folder.whileRunning('npx', ['longshore', 'start'], async (program) => {
      const { id } = await program.enqueue('hello', ADA);
      expect(await program.jobEnded(id)).toMatchObject({ output: { greeting: 'Hello, Ada!' } });
    });
  });
});
