import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { HealthResource } from '../../src/contract/program.ts';
import { Child } from '../support/child.ts';
import { findFreePort } from '../support/free-port.ts';
import { baseEnvironment, Installation, type InstallationOptions } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

let installation: Installation;
afterEach(() => installation?.remove());

async function install(options: InstallationOptions = {}): Promise<Installation> {
  installation = await Installation.create(options);
  return installation;
}

describe('the program', () => {
  it('starts on a database of its own, and stops it with the last process', async () => {
    const { settings } = await install({ isEmbedded: true });
    const program = await installation.start();
    expect(program.log).toContainEqual(
      expect.objectContaining({ message: expect.stringMatching(/^longshore .* is ready$/), mode: 'all' }),
    );
    const { id } = await program.enqueue('test:echo', 'hello');
    expect((await program.jobEnded(id)).output).toBe('hello');
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    expect(existsSync(join(settings.DATA_DIR as string, 'postgres/data/postmaster.pid'))).toBe(false);

    const again = await installation.start();
    expect((await again.job(id)).output).toBe('hello');
    expect(await again.stop('SIGINT')).toEqual({ code: 0, signal: null });
  });

  it('runs as API and worker in two processes, which share the database that the first one started', async () => {
    await install({ isEmbedded: true });
    const first = await installation.start({ MODE: 'api' });
    const worker = await installation.start({ MODE: 'worker' });
    expect((await first.call<HealthResource>('/health')).body).toMatchObject({ mode: 'api', status: 'ok' });
    expect((await worker.call<HealthResource>('/health')).body).toMatchObject({
      mode: 'worker',
      status: 'ok',
      connections: { postgres: 'ok' },
      worker: { status: 'ok' },
    });
    expect((await worker.call('/v1/jobs')).status).toBe(404);
    const { id } = await first.enqueue('test:echo', 1);
    const before = await first.jobEnded(id);

    await first.stop();
    expect((await worker.call('/health/ready')).status).toBe(200);
    const second = await installation.start({ MODE: 'api' });
    const after = await second.jobEnded((await second.enqueue('test:echo', 2)).id);
    expect(after).toMatchObject({ status: 'completed', worker: before.worker });
    await Promise.all([second.stop(), worker.stop()]);
  });

  it('leaves jobs alone in MODE=api, until there is a worker', async () => {
    await install();
    const api = await installation.start({ MODE: 'api' });
    const { id } = await api.enqueue('test:echo', 1);
    const held = await api.call<{ status: string }>(`/v1/jobs/${id}?wait=1`);
    expect(held.body.status).toBe('queued');
    const worker = await installation.start({ MODE: 'worker' });
    expect((await api.jobEnded(id)).status).toBe('completed');
    await worker.stop();
  });

  it('runs only the queues of QUEUES', async () => {
    await install();
    const program = await installation.start({ QUEUES: 'work' });
    const left = await program.enqueue('test:echo', 1);
    const run = await program.enqueue('test:echo', 2, { queue: 'work' });
    await program.jobEnded(run.id);
    expect((await program.job(left.id)).status).toBe('queued');
  });

  it('reads .env, which the environment overrides, and gives it to the jobs', async () => {
    await install();
    const key = 'the-key-of-the-env-file';
    writeFileSync(join(installation.folder, '.env'), `# mine\nADMIN_KEY="${key}"\nPORT=1\nGREETING=hi there\n`);
    const jobs = join(installation.folder, 'jobs');
    mkdirSync(jobs);
    writeFileSync(
      join(jobs, 'env.ts'),
      `import { defineJob, z } from 'longshore';
       export const env = defineJob({ type: 'env', input: z.unknown(), run: () => process.env.GREETING });`,
    );
    const program = await installation.start({ JOBS_DIR: '' });
    expect((await program.call('/v1/stats')).status).toBe(401);
    const answer = await program.call<{ output: unknown }>('/v1/jobs', {
      json: { type: 'env', input: 1 },
      headers: { authorization: `Bearer ${key}`, prefer: 'wait=30' },
    });
    expect(answer).toMatchObject({ status: 200, body: { output: 'hi there' } });
  });

  it('runs the jobs of JOBS_DIR, in TypeScript and JavaScript, with the services that lie beside them', async () => {
    await install();
    const jobs = join(installation.folder, 'my-jobs');
    mkdirSync(join(jobs, 'deeper'), { recursive: true });
    writeFileSync(
      join(jobs, 'services.ts'),
      `export const services = async () => ({ greeter: { greet: (name: string) => 'Hello, ' + name + '!' } });`,
    );
    writeFileSync(
      join(jobs, 'greet.ts'),
      `import { defineJob, z } from 'longshore';
       interface Greeter { greet(name: string): string }
       declare module 'longshore' { interface Services { greeter: Greeter } }
       export const greet = defineJob({
         type: 'greet', input: z.string(), run: (name, ctx) => ctx.services.greeter.greet(name),
       });`,
    );
    writeFileSync(
      join(jobs, 'deeper/add.js'),
      `import { defineJob, z } from 'longshore';
       export const add = defineJob({ type: 'add', input: z.array(z.number()), run: (list) => list.reduce((a, b) => a + b, 0) });`,
    );
    writeFileSync(join(jobs, 'greet.test.ts'), `throw new Error('a test is no job file');`);
    const program = await installation.start({ JOBS_DIR: 'my-jobs' });
    const [greeting, sum] = [await program.enqueue('greet', 'Ada'), await program.enqueue('add', [1, 2, 3])];
    expect((await program.jobEnded(greeting.id)).output).toBe('Hello, Ada!');
    expect((await program.jobEnded(sum.id)).output).toBe(6);
  });

  it('restarts on a change with npm run dev', { timeout: 120_000 }, async () => {
    await install();
    const jobs = join(installation.folder, 'jobs');
    const file = join(jobs, 'answer.ts');
    const write = (answer: number) =>
      writeFileSync(
        file,
        `import { defineJob, z } from 'longshore';
         export const answer = defineJob({ type: 'answer', input: z.unknown(), run: () => ${answer} });`,
      );
    mkdirSync(jobs);
    write(41);
    const port = await findFreePort();
    const npm = new Child('npm', ['run', 'dev'], {
      cwd: join(import.meta.dirname, '../..'),
      env: { ...baseEnvironment(), ...installation.settings, JOBS_DIR: jobs, PORT: String(port) },
      isGroup: true,
    });
    installation.watchOver(npm);
    const ask = async (): Promise<unknown> => {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=5' },
        body: JSON.stringify({ type: 'answer', input: null }),
      });
      return ((await answer.json()) as { output: unknown }).output;
    };
    await waitFor(async () => (await ask()) === 41, { describe: 'the first answer', timeoutMs: 40_000 });
    let writtenAt = Number.NEGATIVE_INFINITY;
    const askAfterChange = async () => {
      const answer = await ask();
      // Once more after a while: the first change may come before Node watches the file. Not while the file may be read.
      if (answer === 41 && performance.now() - writtenAt > 10_000) {
        write(42);
        writtenAt = performance.now();
      }
      return answer === 42;
    };
    await waitFor(askAfterChange, { describe: 'the changed answer', timeoutMs: 40_000 });
    await npm.stop('SIGINT');
    expect(readFileSync(file, 'utf8')).toContain('42');
  });
});
