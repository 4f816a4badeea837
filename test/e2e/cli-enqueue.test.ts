import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { DeliveryResource } from '../../src/contract/webhooks.ts';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
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

async function listJobs(): Promise<JobResource[]> {
  const { body } = await program.call<Page<JobResource>>('/v1/jobs?limit=200');
  return body.items;
}

const countJobs = async () => (await listJobs()).length;
const findJobWithTag = async (tag: string) => (await listJobs()).find(({ tags }) => tags.includes(tag))?.id;

describe('longshore enqueue', () => {
  it('prints the id of the job that it stored, and the next step where no pipe reads it', async () => {
    const { code, stdout, stderr } = await cli.run(['enqueue', 'test:echo', '--input', '{"text":"ünï ☃"}']);
    expect(code).toBe(0);
    const [, id = ''] = /^queued test:echo (\S{36})\n$/.exec(stdout) ?? [];
    expect(stderr).toBe(`Watch it: npx longshore jobs watch ${id}\n`);
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', output: { text: 'ünï ☃' } });
  });

  it('prints the stored job with --json', async () => {
    const { code, document } = await cli.runJson<JobResource>('enqueue', 'test:echo', '--input', '[1]');
    expect(code).toBe(0);
    expect(document).toMatchObject({ type: 'test:echo', status: 'queued', input: [1], output: null });
    expect(await program.jobEnded(document.id)).toMatchObject({ output: [1] });
  });

  it('sends every option along', async () => {
    const args = 'enqueue test:echo --queue work --priority -7 --delay-ms 600000 --attempts 9 --timeout-ms 1234';
    const more = '--ttl-ms 60000 --tag a --tag b --tenant acme --webhook http://127.0.0.1:9/hook --metadata';
    const { document } = await cli.runJson<JobResource>(...args.split(' '), ...more.split(' '), '{"order":17}');
    expect(document).toMatchObject({
      status: 'scheduled',
      input: {},
      queue: 'work',
      priority: -7,
      maxAttempts: 9,
      tags: ['a', 'b'],
      metadata: { order: 17 },
      tenant: 'acme',
    });
    expect(Date.parse(document.runAt) - Date.parse(document.createdAt)).toBe(600_000);
    await cli.run(['jobs', 'cancel', document.id]);
    const { body } = await program.call<Page<DeliveryResource>>(`/v1/jobs/${document.id}/webhooks`);
    expect(body.items.map(({ url }) => url)).toEqual(['http://127.0.0.1:9/hook']);
    const later = await cli.runJson<JobResource>('enqueue', 'test:echo', '--run-at', '2999-01-31T08:00:00+02:00');
    expect(later.document).toMatchObject({ status: 'scheduled', runAt: '2999-01-31T06:00:00.000Z' });
  });

  it('enqueues nothing more for the same idempotency key, and names the job that holds a deduplication key', async () => {
    const args = ['enqueue', 'test:echo', '--delay-ms', '600000'];
    const first = await cli.runJson<JobResource>(
      ...args,
      '--idempotency-key',
      'a-1',
      '--deduplication-key',
      'report 17',
    );
    const again = await cli.runJson<JobResource>(
      ...args,
      '--idempotency-key',
      'a-1',
      '--deduplication-key',
      'report 17',
    );
    expect(again).toEqual(first);
    expect(first.document).toMatchObject({ deduplicationKey: 'report 17' });
    expect(first.document).not.toHaveProperty('deduplicated');
    const other = await cli.failJson(...args, '--idempotency-key', 'a-1', '--input', '{"other":1}');
    expect(other).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', status: 422, exitCode: 2 });
    const taken = await cli.run([...args, '--deduplication-key', 'report 17']);
    expect(taken).toMatchObject({ code: 0, stdout: `scheduled test:echo ${first.document.id}\n` });
    expect(taken.stderr).toMatch(/^Nothing was enqueued: this job has the same deduplication key\n/);
  });

  it('shows the job until it has ended with --wait, in plain lines', async () => {
    const { code, stdout } = await cli.run(['enqueue', 'test:talk', '--input', '{"lines":2}', '--wait']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^test:talk \S{36} is (queued|processing|completed)\n/);
    expect(stdout).toMatch(/ INFO {2}line 1 \{"line":1\}\n.* INFO {2}line 2 \{"line":2\}\n.* WARN {2}that was all\n/);
    expect(stdout).toMatch(/ \d+ % {2}half way\n/);
    expect(stdout).toMatch(/\n✔ completed in .*\n$/);
  });

  it('exits with 1 when the job that it waits for fails, and says why', async () => {
    const { code, stdout } = await cli.run(['enqueue', 'test:flaky', '--input', '{"times":9}', '--wait']);
    expect(code).toBe(1);
    expect(stdout).toContain('attempt 1 failed: no luck at attempt 1');
    expect(stdout).toContain('attempt 2 failed: no luck at attempt 2');
    expect(stdout).toMatch(
      /\n✘ failed \(attempts_exhausted\), .*attempt 3 of 3\nerror {5}TypeError: no luck at attempt 3/,
    );
  });

  it('prints only the ended job with --wait --json, and exits by its status', async () => {
    const completed = await cli.runJson<JobResource>('enqueue', 'test:echo', '--input', '"x"', '--wait');
    expect(completed).toMatchObject({ code: 0, document: { status: 'completed', output: 'x' } });
    const input = '{"times":9,"isFinal":true}';
    const failed = await cli.runJson<JobResource>('enqueue', 'test:flaky', '--input', input, '--wait');
    expect(failed).toMatchObject({ code: 1, document: { status: 'failed', reason: 'non_retryable', attempt: 1 } });
  });

  it('exits with 1 when the job that it waits for is cancelled or expires', async () => {
    const gate = JSON.stringify({ path: installation.nextGate() });
    const cancelled = cli.run(['enqueue', 'test:gate', '--input', gate, '--tag', 'to-be-cancelled', '--wait']);
    const id = await waitFor(() => findJobWithTag('to-be-cancelled'), { describe: 'the job is stored' });
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect(await cancelled).toMatchObject({ code: 1, stdout: expect.stringMatching(/\n✘ cancelled/) });
    await program.call('/v1/queues/work/pause', { method: 'POST' });
    const late = await cli.run(['enqueue', 'test:echo', '--queue', 'work', '--ttl-ms', '1', '--wait']);
    await program.call('/v1/queues/work/resume', { method: 'POST' });
    expect(late).toMatchObject({ code: 1, stdout: expect.stringMatching(/\n✘ expired/) });
  });

  it('reads the input from a file or from standard input', async () => {
    writeFileSync(join(installation.folder, 'input.json'), '\ufeff{"from":"a file"}\n');
    const fromFile = await cli.runJson<JobResource>('enqueue', 'test:echo', '--input', '@input.json');
    expect(fromFile.document.input).toEqual({ from: 'a file' });
    const { stdout } = await cli.run(['enqueue', 'test:echo', '--input', '-', '--json'], {
      stdin: '{"from": "a pipe"}',
    });
    expect(JSON.parse(stdout).input).toEqual({ from: 'a pipe' });
  });

  it.each([
    [
      'JSON that cannot be read',
      ['--input', '{name:"Ada"}'],
      /--input is not JSON: .* \(line 1, column 2\)\n {2}\{name/,
    ],
    ['JSON that ends too early', ['--input', '{"name":'], /--input is not JSON: .*\(line 1, column 9\)/],
    ['a file that is not there', ['--input', '@no-such.json'], /--input: there is no file .*no-such\.json/],
    ['nothing on standard input', ['--input', '-'], /standard input is empty; JSON is expected/],
    ['metadata that is a list', ['--metadata', '[1]'], /--metadata must be a JSON object/],
    ['a number that is none', ['--priority', 'high'], /--priority.* It must be a whole number/],
    ['a flag that does not exist', ['--inptu', '{}'], /unknown option '--inptu'/],
  ])('refuses %s with exit code 2 and enqueues nothing', async (_what, flags, message) => {
    const before = await countJobs();
    const { code, stdout, stderr } = await cli.run(['enqueue', 'test:echo', ...flags]);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
    expect(code).toBe(2);
    expect(await countJobs()).toBe(before);
  });

  it('shows what the server refuses, every fault with its path, and exits with 2', async () => {
    const input = '{"name":"","count":11,"items":[{"price":"1"}]}';
    const { code, stdout, stderr } = await cli.run(['enqueue', 'test:typed', '--input', input]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const path of ['input.name', 'input.count', 'input.items.0.price']) expect(stderr).toContain(`\n  ${path}: `);
    const error = await cli.failJson('enqueue', 'test:typed', '--input', input);
    expect(error).toMatchObject({ code: 'INVALID_FIELDS', status: 422, exitCode: 2 });
    expect(error.errors?.map(({ path }) => path)).toEqual(['input.name', 'input.count', 'input.items.0.price']);
    const unknown = await cli.run(['enqueue', 'no:such']);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('no:such') });
  });
});
