import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli, type FakeCliOptions } from '../../test/support/fake-cli.ts';
import { answerJson, type FakeServer, makeJob, startFakeServer } from '../../test/support/fake-server.ts';
import type { QueueResource } from '../contract/program.ts';
import { exitCodes } from './exit-codes.ts';

const counts = {
  ...{ scheduled: 0, queued: 0, processing: 0, waiting: 0, retrying: 0 },
  ...{ completed: 0, failed: 0, cancelled: 0, expired: 0 },
};
const makeQueue = (queued: number): QueueResource => ({
  name: 'email',
  transport: 'postgres',
  isPaused: false,
  counts: { ...counts, queued },
  oldestWaitMs: null,
  throughputPerMinute: 0,
  workers: 1,
});
let server: FakeServer;

beforeEach(async () => {
  server = await startFakeServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const open = (options: FakeCliOptions = {}) =>
  createFakeCli({ environment: { LONGSHORE_URL: server.url, NO_COLOR: '1' }, ...options });

/** Answers with 1, 2, … jobs; breaks off the second time; the person presses Ctrl-C at the fourth. */
function scriptQueues(interrupt: () => void): void {
  server.on('GET /v1/queues', (_request, response) => {
    const call = server.seen.length;
    if (call === 2) return answerJson(response, { status: 503, code: 'STORE_UNAVAILABLE', detail: 'away' }, 503);
    if (call === 4) interrupt();
    answerJson(response, { items: [makeQueue(call)], nextCursor: null });
  });
}

describe('queues --watch', () => {
  it('draws the table over itself on a terminal, until Ctrl-C', async () => {
    const cli = open({ isTTY: true, columns: 80, rows: 24 });
    scriptQueues(cli.interrupt);
    expect(await cli.run('queues', '--watch', '--interval', '0.1')).toBe(exitCodes.interrupted);
    const [first, second, third] = cli.stdout().split('\r\u001b[J').slice(1);
    expect(first).toMatch(/email +active +1 +1/);
    expect(first?.endsWith('\u001b[A'.repeat(3))).toBe(true); // a headline and two lines, to be drawn over
    expect(second).toContain('away');
    expect(third).toMatch(/email +active +1 +3/);
  });

  it('prints one table after the other into a pipe, and one document a line with --json', async () => {
    const cli = open();
    scriptQueues(cli.interrupt);
    await cli.run('queues', '--watch', '--interval', '0.1');
    expect(cli.stdout().match(/^QUEUE/gm)).toHaveLength(2);
    expect(cli.stdout()).not.toContain('\u001b');
  });

  it('says since when the server is away, and shows no old numbers meanwhile', async () => {
    const cli = open({ isTTY: true, columns: 80, rows: 24 });
    scriptQueues(cli.interrupt);
    await cli.run('queues', '--watch', '--interval', '0.1');
    const drawn = cli.stdout().split('\r\u001b[J');
    expect(drawn.filter((each) => /away; last seen .* ago/.test(each) && !each.includes('QUEUE'))).toHaveLength(1);
    const piped = open();
    server.seen.splice(0);
    scriptQueues(piped.interrupt);
    await piped.run('queues', '--watch', '--interval', '0.1', '--json');
    expect(piped.stderr()).toMatch(/away; last seen .* ago\n$/);
    for (const line of piped.stdout().trimEnd().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ at: expect.any(String), items: [{ name: 'email' }] });
    }
  });

  it('says what is wrong when there is no server', async () => {
    const cli = open({ environment: { LONGSHORE_URL: 'http://127.0.0.1:1' } });
    expect(await cli.run('queues', '--watch')).toBe(exitCodes.unreachable);
  });

  it('refuses an interval that is none', async () => {
    expect(await open().run('queues', '--watch', '--interval', '0')).toBe(exitCodes.usage);
  });
});

describe('queues', () => {
  it.each([
    ['get', 'GET /v1/queues/email'],
    ['pause', 'POST /v1/queues/email/pause'],
    ['resume', 'POST /v1/queues/email/resume'],
  ])('%s shows the queue as it is then', async (verb, route) => {
    server.onJson(route, { ...makeQueue(7), isPaused: verb === 'pause' });
    const cli = open();
    expect(await cli.run('queues', verb, 'email')).toBe(exitCodes.done);
    expect(cli.stdout()).toMatch(verb === 'pause' ? /^email +paused +1 +7/m : /^email +active +1 +7/m);
    const jsonCli = open();
    await jsonCli.run('queues', verb, 'email', '--json');
    expect(JSON.parse(jsonCli.stdout())).toMatchObject({ name: 'email' });
  });

  it('knows no other verb', async () => {
    expect(await open().run('queues', 'paws', 'email')).toBe(exitCodes.usage);
    expect(server.seen).toEqual([]);
  });
});

describe('jobs delete', () => {
  const job = makeJob();
  const action = { id: 'a', action: 'delete', status: 'running', matched: 1, processed: 0, changed: 0, error: null };
  beforeEach(() => {
    server.on('POST /v1/bulk-actions', ({ body }, response) => {
      if (JSON.parse(body).dryRun) answerJson(response, { matched: 1 });
      else answerJson(response, action, 202);
    });
  });
  const sent = () => server.seen.map(({ body }) => JSON.parse(body));

  it('removes jobs by their ids when the person says so', async () => {
    const cli = open({ answer: 'y' });
    expect(await cli.run('jobs', 'delete', job.id)).toBe(exitCodes.done);
    expect(cli.stderr()).toContain('Remove 1 ended job for good? [y/N]');
    expect(sent()[1]).toEqual({ action: 'delete', filter: { ids: [job.id] } });
  });

  it('removes nothing without a yes', async () => {
    await open({ answer: '' }).run('jobs', 'delete', job.id);
    expect(await open().run('jobs', 'delete', job.id)).toBe(exitCodes.usage);
    expect(sent().every(({ dryRun }) => dryRun)).toBe(true);
  });
});
