import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { QueueResource, TypeResource } from '../../src/contract/program.ts';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
import { Installation, type Program } from '../support/program.ts';

let installation: Installation;
let program: Program;
let cli: CliSession;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
  cli = openCliSession({ cwd: installation.folder, env: { LONGSHORE_URL: program.url } });
});
afterAll(() => installation?.remove());

describe('longshore jobs', () => {
  it('list shows the newest first, filters, and goes on where it ended', async () => {
    const ids: string[] = [];
    for (const priority of [1, 2, 3]) {
      ids.unshift((await program.enqueue('test:echo', priority, { queue: 'http', delayMs: 600_000, priority })).id);
    }
    const { code, stdout } = await cli.run(['jobs', 'list', '--queue', 'http']);
    expect(code).toBe(0);
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^STATUS +ID +TYPE +ATTEMPT +CREATED +TOOK +NOTE$/);
    expect(rows.map((row) => row.split(/ {2,}/)).map(([status, id]) => [status, id])).toEqual(
      ids.map((id) => ['scheduled', id]),
    );

    const flags = ['--queue', 'http', '--type', 'test:echo', '--status', 'scheduled,queued'];
    const first = await cli.runJson<Page<JobResource>>('jobs', 'list', ...flags, '--limit', '2');
    const rest = await cli.runJson<Page<JobResource>>(
      ...(['jobs', 'list', ...flags, '--cursor', first.document.nextCursor ?? ''] as const),
    );
    expect([first, rest].flatMap(({ document }) => document.items.map(({ id }) => id))).toEqual(ids);
    expect(rest.document.nextCursor).toBeNull();
    const paged = await cli.run(['jobs', 'list', ...flags, '--limit', '2']);
    expect(paged.stderr).toContain(`--cursor ${first.document.nextCursor}`);
    expect(paged.stdout).not.toContain('--cursor');
  });

  it('list says on standard error when nothing matches', async () => {
    const { code, stdout, stderr } = await cli.run(['jobs', 'list', '--queue', 'no-such-queue']);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: 'No job matches.\n' });
  });

  it('get shows everything about a job, in words or as the document of the API', async () => {
    const { id } = await program.enqueue('test:flaky', { times: 1 }, { tags: ['one', 'two'] });
    const job = await program.jobEnded(id);
    const { code, stdout } = await cli.run(['jobs', 'get', id]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^test:flaky\n/);
    for (const row of [`id        ${id}`, 'status    completed', 'tags      one, two', 'attempt   2 of 3']) {
      expect(stdout).toContain(`${row}\n`);
    }
    expect(stdout).toContain('output    "worked at attempt 2"');
    expect((await cli.runJson('jobs', 'get', id)).document).toEqual(job);
  });

  it('get exits with 0 whatever became of the job, and shows the error with its stack', async () => {
    const { id } = await program.enqueue('test:flaky', { times: 9, isFinal: true });
    await program.jobEnded(id);
    const { code, stdout } = await cli.run(['jobs', 'get', id]);
    expect(code).toBe(0);
    expect(stdout).toContain('status    failed (non_retryable)\n');
    expect(stdout).toMatch(/error {5}NonRetryableError: no luck at attempt 1/);
    expect(stdout).toMatch(/stack {5}at .*basics\.ts:\d+/);
  });

  it.each(['get', 'watch', 'cancel', 'logs'])('%s exits with 2 for a job that does not exist', async (command) => {
    const id = '01980000-0000-7000-8000-000000000001';
    const { code, stdout, stderr } = await cli.run(['jobs', command, id]);
    expect(stderr).toMatch(new RegExp(`^error: .*${id}`));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(await cli.failJson('jobs', command, id)).toMatchObject({ code: 'NOT_FOUND', status: 404 });
  });

  it('cancel ends a running job, and exits with 2 when it has ended already', async () => {
    const { id } = await program.enqueue('test:gate', { path: installation.nextGate() });
    await program.jobIs(id, 'processing');
    const { code, stdout } = await cli.run(['jobs', 'cancel', id]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `cancelled ${id}\n` });
    expect(await program.job(id)).toMatchObject({ status: 'cancelled' });
    expect(await cli.failJson('jobs', 'cancel', id)).toMatchObject({ code: 'JOB_TERMINAL', status: 409, exitCode: 2 });
    const { id: other } = await program.enqueue('test:echo', 1, { delayMs: 600_000 });
    const { document } = await cli.runJson<JobResource>('jobs', 'cancel', other);
    expect(document).toMatchObject({ id: other, status: 'cancelled' });
  });
});

describe('longshore types and queues', () => {
  it('types lists every type with the fields of its input, and its schemas with --json', async () => {
    const { code, stdout } = await cli.run(['types']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^TYPE +QUEUE +ATTEMPTS +TIMEOUT +INPUT +DESCRIPTION\n/);
    expect(stdout).toMatch(/^test:typed +test +3 .* name, count, items\?/m);
    expect(stdout).toMatch(/^http:request +http .* url, method\?/m);
    const { document } = await cli.runJson<Page<TypeResource>>('types');
    const typed = document.items.find(({ type }) => type === 'test:typed');
    expect(typed).toMatchObject({
      queue: 'test',
      inputSchema: { required: expect.arrayContaining(['name', 'count']) },
      outputSchema: { required: ['total'] },
    });
  });

  it('types shows everything about one type', async () => {
    const { code, stdout } = await cli.run(['types', 'http:request']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^http:request {2}Sends an HTTP request/);
    expect(stdout).toMatch(/^timeoutMs +whole number, 1 to 600000 +30000 +For one attempt/m);
    expect(stdout).toMatch(/^ {2}the network fails, .*: tried again$/m);
    expect(stdout).toMatch(/^ {2}longshore enqueue http:request --input '\{"url":/m);
    expect((await cli.runJson<TypeResource>('types', 'http:request')).document).toMatchObject({ isolation: 'none' });
    expect(await cli.run(['types', 'http:reqest'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no job type "http:reqest"'),
    });
  });

  it('queues shows what waits, what runs, and what delivers it', async () => {
    const path = installation.nextGate();
    const { id } = await program.enqueue('test:gate', { path }, { queue: 'work' });
    await program.jobIs(id, 'processing');
    const { code, stdout } = await cli.run(['queues']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^QUEUE +STATE +WORKERS +QUEUED +PROCESSING .*VIA$/m);
    expect(stdout).toMatch(/^work +active +1 +0 +1 .* postgres$/m);
    const { document } = await cli.runJson<Page<QueueResource>>('queues');
    expect(document.items.find(({ name }) => name === 'work')).toMatchObject({ counts: { processing: 1 }, workers: 1 });
    await program.call('/v1/queues/work/pause', { method: 'POST' });
    expect((await cli.run(['queues'])).stdout).toMatch(/^work +paused /m);
    await program.call('/v1/queues/work/resume', { method: 'POST' });
    writeFileSync(path, '');
    await program.jobEnded(id);
  });
});
