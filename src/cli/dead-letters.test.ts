import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli, type FakeCli, type FakeCliOptions } from '../../test/support/fake-cli.ts';
import { answerJson, type FakeServer, makeJob, startFakeServer } from '../../test/support/fake-server.ts';
import type { BulkActionResource } from '../contract/bulk-actions.ts';
import type { DeadLetterGroup } from '../contract/dead-letters.ts';
import { exitCodes } from './exit-codes.ts';

const action: BulkActionResource = {
  ...{ id: '01980000-0000-7000-8000-00000000000a', action: 'delete', filter: {}, status: 'running', error: null },
  ...{
    matched: 4,
    matchedIsCapped: false,
    processed: 0,
    changed: 0,
    createdAt: '2026-01-01T00:00:00.000Z',
    finishedAt: null,
  },
};
const failed = makeJob({
  ...{ status: 'failed', reason: 'attempts_exhausted', attempt: 3, finishedAt: '2026-01-01T00:00:55.000Z' },
  error: { name: 'TypeError', message: 'no\nluck', attempt: 3 },
});
const group: DeadLetterGroup = {
  ...{ fingerprint: '3f2a9c0d1b4e5f67', type: 'http:request', name: 'TypeError', message: 'no luck', count: 17 },
  countIsCapped: false,
  ...{ firstSeen: '2026-01-01T00:00:00.000Z', lastSeen: '2026-01-01T00:00:57.000Z', newestJobId: failed.id },
};
let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const open = (options: FakeCliOptions = {}): FakeCli =>
  createFakeCli({ environment: { LONGSHORE_URL: server.url }, ...options });
const bodies = () => server.seen.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body));

/** Answers a dry run with the number, and else begins the action. */
function scriptAction(verb: string): void {
  server.on(`POST /v1/dead-letters/${verb}`, ({ body }, response) => {
    if (JSON.parse(body).dryRun) answerJson(response, { matched: action.matched, matchedIsCapped: false });
    else answerJson(response, action, 202);
  });
}

/** The action gets on with each look at it. */
function scriptProgress(end: Partial<BulkActionResource>): void {
  let looks = 0;
  server.on(`GET /v1/bulk-actions/${action.id}`, (_request, response) => {
    looks += 1;
    answerJson(response, looks === 1 ? { ...action, processed: 1, changed: 1 } : { ...action, ...end });
  });
}

describe('dead-letters list and groups', () => {
  it('send every filter', async () => {
    server.onJson('GET /v1/dead-letters', { items: [], nextCursor: null });
    const flags = '--type t --queue q --tenant acme --tag red --search moon --where a.b=1 --where c=x=y --limit 9';
    const times = '--created-after 2026-01-01T00:00:00+01:00 --created-before 2026-01-02 --fingerprint f --cursor c';
    const cli = open();
    await cli.run('dead-letters', 'list', ...`${flags} ${times}`.split(' '));
    const { searchParams } = new URL(server.seen[0]?.path ?? '', 'http://x');
    expect(Object.fromEntries(searchParams)).toEqual({
      ...{ type: 't', queue: 'q', tenant: 'acme', tag: 'red', q: 'moon', 'input.a.b': '1', 'input.c': 'x=y' },
      ...{ createdAfter: '2025-12-31T23:00:00.000Z', createdBefore: '2026-01-02T00:00:00.000Z' },
      ...{ fingerprint: 'f', limit: '9', cursor: 'c' },
    });
    expect(cli.stderr()).toBe('No failed job matches.\n');
    expect(await open().run('dead-letters', 'list', '--where', 'nothing')).toBe(exitCodes.usage);
  });

  it('show failed jobs with their errors, and where to go on', async () => {
    server.onJson('GET /v1/dead-letters', { items: [failed], nextCursor: 'next' });
    const cli = open();
    await cli.run('dead-letters', 'list');
    expect(cli.stdout().split('\n')).toEqual([
      expect.stringMatching(/^ID +TYPE +ATTEMPT +FAILED +REASON +ERROR$/),
      expect.stringMatching(/^\S+000001 {2}http:request +3\/3 +5 s ago +attempts_exhausted +TypeError: no luck$/),
      '',
    ]);
    expect(cli.stderr()).toContain('--cursor next');
  });

  it('show kinds of failures with their number, and the fingerprint whole', async () => {
    server.onJson('GET /v1/dead-letters', { items: [group], nextCursor: null });
    const cli = open({ columns: 70 });
    await cli.run('dead-letters', 'groups', '--tenant', 'acme');
    expect(server.seen[0]?.path).toBe('/v1/dead-letters?tenant=acme&groupBy=error');
    expect(cli.stdout()).toMatch(
      /^ +17 {2}http:request .*3 s ago .*1 min ago {2}3f2a9c0d1b4e5f67 {2}TypeError: no luck$/m,
    );
  });

  it('tell what went wrong also at 80 columns', async () => {
    const message = 'cannot reach https://example.com after 3 attempts';
    const job = { ...failed, error: { name: 'TypeError', message, attempt: 3 } };
    server.on('GET /v1/dead-letters', ({ path }, response) =>
      answerJson(response, { items: [path.includes('groupBy') ? { ...group, message } : job], nextCursor: null }),
    );
    const [list, groups] = [open({ isTTY: true, columns: 80 }), open({ isTTY: true, columns: 80 })];
    await list.run('dead-letters', 'list');
    await groups.run('dead-letters', 'groups');
    expect(stripVTControlCharacters(list.stdout())).toMatch(/^\S+000001 {2}http:request .*TypeError: cannot rea.*…$/m);
    expect(stripVTControlCharacters(groups.stdout())).toMatch(/3f2a9c0d1b4e5f67 {2}TypeError: cannot reach https.*…$/m);
  });
});

describe('dead-letters retry and discard', () => {
  it.each(['retry', 'discard'])('%s: want to be told which jobs, or all', async (verb) => {
    scriptAction(verb);
    const [nothing, both] = [open(), open()];
    expect(await nothing.run('dead-letters', verb)).toBe(exitCodes.usage);
    expect(nothing.stderr()).toContain('--all');
    expect(await both.run('dead-letters', verb, '--all', '--type', 't')).toBe(exitCodes.usage);
    expect(server.seen).toEqual([]);
    await open().run('dead-letters', verb, '--all', '--dry-run');
    await open().run('dead-letters', verb, failed.id, '--fingerprint', 'f', '--dry-run');
    expect(bodies()).toEqual([
      { filter: {}, dryRun: true },
      { filter: { ids: [failed.id], fingerprint: 'f' }, dryRun: true },
    ]);
  });

  it('say what a dry run found', async () => {
    scriptAction('retry');
    const [cli, json] = [open(), open()];
    await cli.run('dead-letters', 'retry', '--all', '--dry-run');
    expect(cli.stdout()).toBe('4 failed jobs would run again; nothing was done.\n');
    await json.run('dead-letters', 'retry', '--all', '--dry-run', '--json');
    expect(JSON.parse(json.stdout())).toEqual({ matched: 4, matchedIsCapped: false });
  });

  it('return once the action has begun, without --wait', async () => {
    scriptAction('retry');
    const cli = open();
    expect(await cli.run('dead-letters', 'retry', '--type', 't')).toBe(exitCodes.done);
    expect(cli.stdout()).toBe(`running ${action.id}  4 jobs\n`);
  });

  it('show the progress with --wait, and how it ended', async () => {
    scriptAction('retry');
    scriptProgress({ action: 'retry', status: 'completed', processed: 4, changed: 3 });
    const cli = open({ isTTY: true, columns: 80 });
    expect(await cli.run('dead-letters', 'retry', '--all', '--wait')).toBe(exitCodes.done);
    const lines = stripVTControlCharacters(cli.stdout()).split('\r');
    expect(lines).toContainEqual(expect.stringMatching(/^█+░+ +25 % {2}1 of 4 jobs$/));
    expect(lines.at(-1)).toBe(`completed ${action.id}  3 jobs queued again, 1 had changed meanwhile\n`);
  });

  it('exit with 1 when the action was aborted or failed, and say why', async () => {
    scriptAction('retry');
    scriptProgress({ status: 'failed', error: 'the filter cannot be read' });
    const cli = open();
    expect(await cli.run('dead-letters', 'retry', '--all', '--wait')).toBe(exitCodes.jobFailed);
    expect(cli.stdout()).toMatch(/^failed .*\nthe filter cannot be read\n$/);
  });

  it('stop waiting at Ctrl-C; the action goes on', async () => {
    scriptAction('retry');
    const cli = open();
    server.on(`GET /v1/bulk-actions/${action.id}`, (_request, response) => {
      answerJson(response, action);
      cli.interrupt();
    });
    expect(await cli.run('dead-letters', 'retry', '--all', '--wait')).toBe(exitCodes.interrupted);
    expect(cli.stderr()).toBe(`Stopped waiting; bulk action ${action.id} goes on.\n`);
  });

  it.each([
    ['y', 2],
    ['yes', 2],
    ['', 1],
    ['no', 1],
  ])('discard after the answer %j only if that is yes', async (answer, calls) => {
    scriptAction('discard');
    const cli = open({ answer });
    expect(await cli.run('dead-letters', 'discard', '--all')).toBe(exitCodes.done);
    expect(cli.stderr()).toContain('Remove 4 failed jobs for good? [y/N]');
    expect(bodies().map(({ dryRun }) => dryRun === true)).toEqual([true, false].slice(0, calls));
  });

  it('discard without a question with --yes, and not at all where nobody can be asked', async () => {
    scriptAction('discard');
    expect(await open().run('dead-letters', 'discard', '--all', '--yes')).toBe(exitCodes.done);
    const cli = open();
    expect(await cli.run('dead-letters', 'discard', '--all')).toBe(exitCodes.usage);
    expect(cli.stderr()).toContain('--yes');
    expect(bodies().map(({ dryRun }) => dryRun === true)).toEqual([false, true]);
  });
});
