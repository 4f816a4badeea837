import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HealthResource } from '../../src/contract/program.ts';
import { BIN, baseEnvironment, Installation, Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const define = (isolation: 'thread' | 'process') => `
  import { defineJob, z } from 'longshore';
  export const ${isolation} = defineJob({
    type: 'apart:${isolation}',
    queue: 'apart',
    input: z.object({ how: z.string(), note: z.string() }),
    isolation: '${isolation}',
    handlerFile: new URL('./hash.handler.ts', import.meta.url),
  });`;

const SERVICES = `
  import { randomUUID } from 'node:crypto';
  export const services = () => ({ greeter: { id: randomUUID(), greet: (name: string) => 'Hello, ' + name } });`;

const HANDLER = `
  import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { isMainThread } from 'node:worker_threads';
  import { type JobContext, NonRetryableError } from 'longshore';

  const where = process.argv[1]?.includes('process-entry') ? 'process' : isMainThread ? 'program' : 'thread';
  export async function run({ how, note }: { how: string; note: string }, ctx: JobContext) {
    const { greeter } = ctx.services as unknown as { greeter: { id: string; greet(name: string): string } };
    if (how === 'refuse') throw new NonRetryableError('refused');
    writeFileSync(note, String(process.pid));
    if (how === 'block') for (;;);
    if (how === 'wait') while (!existsSync(note + '.gate')) await sleep(20);
    return { greeting: greeter.greet(how), id: greeter.id, where };
  }`;

describe('isolated jobs of JOBS_DIR', () => {
  let installation: Installation;
  let note: string;
  beforeEach(async () => {
    installation = await Installation.create({ settings: { SHUTDOWN_TIMEOUT_MS: '200' } });
    const jobsDir = join(installation.folder, 'jobs');
    mkdirSync(jobsDir);
    installation.settings.JOBS_DIR = jobsDir;
    writeFileSync(join(jobsDir, 'apart.ts'), define('thread') + define('process').replace(/import.*\n/, ''));
    writeFileSync(join(jobsDir, 'services.ts'), SERVICES);
    writeFileSync(join(jobsDir, 'hash.handler.ts'), HANDLER);
    note = join(installation.folder, 'note');
  });
  afterEach(() => installation.remove());

  const pidOf = async () => {
    await waitFor(() => existsSync(note) && readFileSync(note, 'utf8') !== '', { describe: 'the handler runs' });
    return Number(readFileSync(note, 'utf8'));
  };
  const isGone = (pid: number) => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  };

  it.each(['thread', 'process'])('import longshore, and have services of their own: %s', async (where) => {
    const program = await installation.start({ THREADS_MAX: '1' }); // the second one waits for the same thread
    const { id } = await program.enqueue(`apart:${where}`, { how: 'Ada', note });
    const first = await program.jobEnded(id);
    expect(first).toMatchObject({ status: 'completed', output: { greeting: 'Hello, Ada', where } });
    const again = await program.enqueue(`apart:${where}`, { how: 'Bob', note });
    const second = await program.jobEnded(again.id);
    const idOf = ({ output }: { output: unknown }) => (output as { id: string }).id;
    expect(idOf(first) === idOf(second)).toBe(where === 'thread'); // a thread keeps what it has
    const refused = await program.enqueue(`apart:${where}`, { how: 'refuse', note });
    expect(await program.jobEnded(refused.id)).toMatchObject({ reason: 'non_retryable', attempt: 1 });
    expect(await program.stop()).toEqual({ code: 0, signal: null });
  });

  it.each(['thread', 'process'])('that block leave health, other jobs and the stop alone: %s', async (where) => {
    const program = await installation.start();
    const { id } = await program.enqueue(`apart:${where}`, { how: 'block', note });
    const pid = await pidOf();
    const { status, body } = await program.call<HealthResource>('/health');
    expect({ status, body }).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect((await program.call('/health/ready')).status).toBe(200);
    const { id: other } = await program.enqueue('http:request', { url: 'http://127.0.0.1:1/' }, { attempts: 1 });
    expect(await program.jobEnded(other)).toMatchObject({ status: 'failed', attempt: 1 });
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    await waitFor(() => isGone(pid), { describe: 'what blocked is gone' });
    const next = await installation.start({ MODE: 'api' });
    expect(await next.job(id)).toMatchObject({ status: 'queued', attempt: 0 });
    expect(await next.outcomes(id)).toEqual(['put_back']);
  });

  it('end with a worker that is killed, also when they block', async () => {
    const program = await installation.start();
    await program.enqueue('apart:process', { how: 'block', note });
    const pid = await pidOf();
    await program.stop('SIGKILL');
    await waitFor(() => isGone(pid), { describe: 'the child of the killed worker is gone' });
  });

  it('finish in their time when Ctrl-C goes to the whole group', async () => {
    const env = { ...baseEnvironment(), ...installation.settings, SHUTDOWN_TIMEOUT_MS: '600000' };
    const program = new Program(process.execPath, [BIN, 'start'], { cwd: installation.folder, env, isGroup: true });
    installation.watchOver(program);
    await program.waitUntilReady();
    const { id } = await program.enqueue('apart:process', { how: 'wait', note });
    await pidOf();
    program.signal('SIGINT');
    await program.waitForOutput(/SIGINT: stopping/);
    writeFileSync(`${note}.gate`, '');
    expect(await program.ended).toEqual({ code: 0, signal: null });
    const next = await installation.start({ MODE: 'api' });
    expect(await next.job(id)).toMatchObject({ status: 'completed', attempt: 1, output: { greeting: 'Hello, wait' } });
  });

  it('whose handler file is missing stop the start with its name', async () => {
    const path = join(installation.settings.JOBS_DIR ?? '', 'apart.ts');
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('hash.handler', 'lost.handler'));
    const program = installation.launch();
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.output).toMatch(
      /cannot start: job "apart:process": handlerFile file:.*lost\.handler\.ts does not exist/,
    );
  });
});
