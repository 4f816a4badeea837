import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import { Child } from '../support/child.ts';
import { findFreePort } from '../support/free-port.ts';
import { npmEnvironment, packRepository, runNpm } from '../support/packed.ts';
import { createDataDir, type DataDir } from '../support/postgres.ts';
import { createFolder, Installation } from '../support/program.ts';

const INSTALL_TIMEOUT_MS = 300_000;
const ADA = '{"name":"Ada","steps":1}';

describe('the package, installed in an empty folder', () => {
  let folder: Awaited<ReturnType<typeof createFolder>>;
  let dataDir: DataDir;
  let installation: Installation; // for its clean-up
  let app: string;
  let url: string;
  let port: number;

  beforeAll(async () => {
    installation = await Installation.create();
    [folder, dataDir] = [await createFolder(), await createDataDir()];
    app = join(folder.path, 'my-service');
    mkdirSync(app);
    const tarball = await packRepository(folder.path);
    await runNpm(app, 'install', tarball, '--prefer-offline', '--no-audit', '--no-fund');
    symlinkSync(dataDir.path, join(app, '.longshore')); // so that no server outlives the test
    port = await findFreePort();
    url = `http://127.0.0.1:${port}`;
  }, INSTALL_TIMEOUT_MS);
  afterAll(async () => {
    await installation?.remove();
    await dataDir?.remove();
    await folder?.remove();
  });

  const environment = () => ({ ...npmEnvironment(), PORT: String(port), LONGSHORE_URL: url });

  async function longshore(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = new Child('npx', ['longshore', ...args], { cwd: app, env: environment() });
    const { code } = await child.ended;
    return { code, stdout: child.stdout, stderr: child.stderr };
  }

  /** Starts the program as people do, and stops it with Ctrl-C, which goes to the whole group. */
  async function whileRunning(command: string, args: string[], act: () => Promise<void>): Promise<void> {
    const child = new Child(command, args, { cwd: app, env: environment(), isGroup: true });
    installation.watchOver(child);
    await child.waitForOutput(/longshore \d+\.\d+\.\d+ is ready/, 60_000);
    await act();
    child.signal('SIGINT');
    await child.ended;
    expect(child.output).toMatch(/SIGINT: stopping/);
    expect(child.output).toMatch(/the embedded PostgreSQL has stopped/);
  }

  it('holds what it needs, and neither tests nor sources', () => {
    const root = join(app, 'node_modules/longshore');
    const names = readdirSync(root);
    expect(names).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'bin', 'dist', 'docs', 'drizzle', 'package.json']),
    );
    expect(names).not.toEqual(expect.arrayContaining(['src']));
    const files = readdirSync(root, { recursive: true }).map(String);
    expect(files.filter((name) => /\.test\.|^test\//.test(name))).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'dist/client.js', 'dist/testing.js']),
    );
  });

  it('sets the folder up with init, and leaves alone what is there when it runs again', async () => {
    const first = await longshore('init');
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/wrote +jobs\/hello\.ts/) });
    for (const name of ['jobs/hello.ts', '.env', 'tsconfig.json', '.gitignore'])
      expect(existsSync(join(app, name))).toBe(true);
    const manifest = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'));
    expect(manifest).toMatchObject({ type: 'module', scripts: { start: 'longshore start' } });
    expect(readFileSync(join(app, 'jobs/hello.ts'), 'utf8')).toContain(`from 'longshore'`);
    expect((await longshore('init')).stdout).not.toMatch(/^(wrote|changed)/m);
  });

  it('runs its first job over HTTP after npx longshore start, and the command knows how it ended', async () => {
    const none = await longshore('enqueue', 'hello', '--input', ADA);
    expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining(`cannot reach ${url}`) });
    await whileRunning('npx', ['longshore', 'start'], async () => {
      const answer = await fetch(`${url}/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=30' },
        body: JSON.stringify({ type: 'hello', input: JSON.parse(ADA) }),
      });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject({ status: 'completed', output: { greeting: 'Hello, Ada!' } });

      const done = await longshore('enqueue', 'hello', '--input', ADA, '--wait');
      expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('{"greeting":"Hello, Ada!"}') });
      const closed = await longshore(
        'enqueue',
        'http:request',
        '--input',
        '{"url":"http://127.0.0.1:1/"}',
        '--attempts',
        '1',
        '--wait',
      );
      expect(closed).toMatchObject({ code: 1, stdout: expect.stringMatching(/failed \(attempts_exhausted\)/) });
      const wrong = await longshore('enqueue', 'hello', '--input', '{"name":""}');
      expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('input.name: ') });
    });
  });

  it('starts with npm start too, with everything that it had before', async () => {
    await whileRunning('npm', ['start'], async () => {
      const list = await longshore('jobs', 'list', '--type', 'hello', '--json');
      const { items } = JSON.parse(list.stdout) as { items: JobResource[] };
      expect(items.map(({ status }) => status)).toEqual(['completed', 'completed']);
    });
  });

  it('gives the job file its types, and its other entries work', async () => {
    const compiler = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
    const check = new Child(process.execPath, [compiler, '--project', app], { cwd: app, env: npmEnvironment() });
    expect(await check.ended, check.output).toEqual({ code: 0, signal: null });
    const script = `
      import { createClient } from 'longshore/client';
      import { runJob } from 'longshore/testing';
      import { hello } from './jobs/hello.ts';
      const { output } = await runJob(hello, ${ADA});
      console.log(output.greeting, createClient({ url: '${url}' }).url);`;
    const use = new Child(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: app,
      env: npmEnvironment(),
    });
    await use.ended;
    expect(use.output.trim()).toBe(`Hello, Ada! ${url}`);
  });

  it('has a job file that runs unchanged in the repository', async () => {
    const program = await installation.start({ JOBS_DIR: join(app, 'jobs') });
    const { id } = await program.enqueue('hello', JSON.parse(ADA));
    expect((await program.jobEnded(id)).output).toEqual({ greeting: 'Hello, Ada!' });
  });
});
