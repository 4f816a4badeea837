import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobEvent, JobResource, LogLineResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
import { findFreePort } from '../support/free-port.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

let installation: Installation;
let program: Program;
let cli: CliSession;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
  cli = openCliSession({ cwd: installation.folder, env: { LONGSHORE_URL: program.url } });
});
afterAll(() => installation?.remove());

/** A job that runs until `open` is called, and has told of itself by then. */
async function startGate() {
  const path = installation.nextGate();
  const { id } = await program.enqueue('test:gate', { path });
  await program.jobIs(id, 'processing');
  return { id, open: () => writeFileSync(path, '') };
}

const parseLines = <Line>(text: string): Line[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('longshore jobs watch', () => {
  it('shows a running job until it has ended, and exits with 0 when it completed', async () => {
    const { id, open } = await startGate();
    const watch = cli.launch(['jobs', 'watch', id]);
    await watch.waitForOutput(/ 10 % {2}at the gate.*\n/);
    expect(watch.hasEnded).toBe(false);
    open();
    expect(await watch.ended).toEqual({ code: 0, signal: null });
    expect(watch.stdout).toMatch(new RegExp(`^test:gate ${id} is processing\n`));
    expect(watch.stdout).toMatch(/\n✔ completed in .*\noutput {4}"passed"\n$/);
    expect(watch.stderr).toBe('');
  });

  it('prints every event as a line of JSON with --json, in order and none twice', async () => {
    const { id, open } = await startGate();
    const watch = cli.launch(['jobs', 'watch', id, '--json']);
    await watch.waitForOutput(/job\.progress.*\n/);
    open();
    expect(await watch.ended).toEqual({ code: 0, signal: null });
    const events = parseLines<JobEvent>(watch.stdout);
    expect(events[0]?.type).toBe('job.queued');
    expect(events.at(-1)?.type).toBe('job.completed');
    const ids = events.map((event) => event.id);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  });

  it('tells a job that has ended already from its beginning', async () => {
    const { id } = await program.enqueue('test:flaky', { times: 1 });
    await program.jobEnded(id);
    const { code, stdout } = await cli.run(['jobs', 'watch', id]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/attempt 1 failed: no luck at attempt 1/);
    expect(stdout).toMatch(/\n✔ completed in .*, attempt 2 of 3\noutput {4}"worked at attempt 2"\n$/);
  });

  it('exits with 1 when the job fails, is cancelled or expires', async () => {
    const failed = await program.enqueue('test:flaky', { times: 9, isFinal: true });
    expect(await cli.run(['jobs', 'watch', failed.id])).toMatchObject({ code: 1 });
    const { id } = await startGate();
    const watch = cli.launch(['jobs', 'watch', id, '--json']);
    await watch.waitForOutput(/job\.started/);
    await cli.run(['jobs', 'cancel', id]);
    expect(await watch.ended).toEqual({ code: 1, signal: null });
    expect(parseLines<JobEvent>(watch.stdout).at(-1)?.type).toBe('job.cancelled');
    await program.call('/v1/queues/work/pause', { method: 'POST' });
    const expired = await program.enqueue('test:echo', 1, { queue: 'work', ttlMs: 1 });
    expect(await cli.run(['jobs', 'watch', expired.id])).toMatchObject({ code: 1 });
    await program.call('/v1/queues/work/resume', { method: 'POST' });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops at %s with exit code 130, and the job goes on', async (signal) => {
    const { id, open } = await startGate();
    const watch = cli.launch(['jobs', 'watch', id]);
    await watch.waitForOutput(/at the gate/);
    expect(await watch.stop(signal)).toEqual({ code: 130, signal: null });
    expect(watch.stderr).toContain(`the job goes on. Watch it again: npx longshore jobs watch ${id}`);
    open();
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
  });

  it('ends quietly when nobody reads on', async () => {
    const { id, open } = await startGate();
    const watch = cli.launch(['jobs', 'watch', id]);
    await watch.waitForOutput(/at the gate/);
    watch.stopReading();
    open();
    await watch.ended;
    expect(watch.stderr).toBe('');
  });
});

describe('longshore jobs logs', () => {
  it('prints what the job wrote, and with --json one document', async () => {
    const { id } = await program.enqueue('test:talk', { lines: 250 });
    await program.jobEnded(id);
    const { code, stdout, stderr } = await cli.run(['jobs', 'logs', id]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(251);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d INFO {2}line 1 \{"line":1\}$/);
    expect(lines.at(-1)).toMatch(/ WARN {2}that was all$/);
    const { document } = await cli.runJson<Page<LogLineResource>>('jobs', 'logs', id);
    expect(document.nextCursor).toBeNull();
    expect(document.items.map(({ message }) => message)).toEqual([
      ...Array.from({ length: 250 }, (_, index) => `line ${index + 1}`),
      'that was all',
    ]);
  });

  it('says on standard error that a job has written nothing', async () => {
    const { id } = await program.enqueue('test:echo', 1);
    await program.jobEnded(id);
    const { code, stdout, stderr } = await cli.run(['jobs', 'logs', id]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: 'The job has written nothing.\n' });
  });

  it.each([
    ['follows', []],
    ['follows with --json', ['--json']],
  ])('%s a job from its first line to its end, every line once', async (_what, flags) => {
    const path = installation.nextGate();
    const { id } = await program.enqueue('test:chat', { path });
    const follow = cli.launch(['jobs', 'logs', id, '--follow', ...flags]);
    await follow.waitForOutput(/before the gate.*\n/);
    expect(follow.hasEnded).toBe(false);
    writeFileSync(path, '');
    expect(await follow.ended).toEqual({ code: 0, signal: null });
    const messages = flags.includes('--json')
      ? parseLines<LogLineResource>(follow.stdout).map(({ message }) => message)
      : follow.stdout
          .trimEnd()
          .split('\n')
          .map((line) => line.replace(/^[\d:]+ INFO {2}/, ''));
    expect(messages).toEqual(['before the gate', 'behind the gate']);
    expect(follow.stderr).toBe('');
  });

  it('follows to the end of a job that fails, and exits with 0', async () => {
    const { id } = await program.enqueue('test:flaky', { times: 9, isFinal: true });
    expect(await cli.run(['jobs', 'logs', id, '--follow'])).toMatchObject({ code: 0, stdout: '' });
  });

  it('stops following at Ctrl-C with exit code 130, and the job goes on', async () => {
    const path = installation.nextGate();
    const { id } = await program.enqueue('test:chat', { path });
    const follow = cli.launch(['jobs', 'logs', id, '-f']);
    await follow.waitForOutput(/before the gate/);
    expect(await follow.stop('SIGINT')).toEqual({ code: 130, signal: null });
    writeFileSync(path, '');
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
  });
});

describe('a server that goes away and comes back', () => {
  let other: Installation;
  beforeAll(async () => {
    other = await Installation.create({ settings: { SHUTDOWN_TIMEOUT_MS: '0', LOCK_DURATION_MS: '3000' } });
  });
  afterAll(() => other?.remove());

  it.each(['SIGTERM', 'SIGKILL'] as const)('is bridged by whatever waits for a job, after %s', async (signal) => {
    const port = String(await findFreePort());
    const settings = { PORT: port, STALLED_INTERVAL_MS: '200' };
    const own = openCliSession({ cwd: other.folder, env: { LONGSHORE_URL: `http://127.0.0.1:${port}` } });
    const first = await other.start(settings);
    const path = join(other.folder, signal);
    const waiting = own.launch(['enqueue', 'test:chat', '--input', JSON.stringify({ path }), '--wait', '--json']);
    const id = await waitFor(() => findRunningJob(first), { describe: 'the job runs' });
    const watching = own.launch(['jobs', 'watch', id]);
    const following = own.launch(['jobs', 'logs', id, '--follow']);
    await Promise.all([watching, following].map((child) => child.waitForOutput(/before the gate/)));

    await first.stop(signal);
    const second = await other.start(settings);
    writeFileSync(path, '');
    const ends = await Promise.all([waiting, watching, following].map((child) => child.ended));
    expect(ends).toEqual(Array(3).fill({ code: 0, signal: null }));
    expect(JSON.parse(waiting.stdout)).toMatchObject({ id, status: 'completed' });
    expect(watching.stdout).toMatch(/behind the gate\n(.*\n)*✔ completed in .*\n$/);
    expect(following.stdout).toMatch(/behind the gate\n$/);
    expect(waiting.stderr + watching.stderr + following.stderr).toBe('');
    await second.stop();
  });
});

async function findRunningJob(from: Program): Promise<string | undefined> {
  const { body } = await from.call<Page<JobResource>>('/v1/jobs?status=processing');
  return body.items[0]?.id;
}
