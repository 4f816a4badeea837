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
    const [first, second] = cli.stdout().split('\r\u001b[J').slice(1);
    expect(first).toMatch(/email +active +1 +1/);
    expect(first?.endsWith('\u001b[A\u001b[A')).toBe(true); // two lines, to be drawn over
    expect(second).toMatch(/email +active +1 +3/);
  });

  it('prints one table after the other into a pipe, and one document a line with --json', async () => {
    const cli = open();
    scriptQueues(cli.interrupt);
    await cli.run('queues', '--watch', '--interval', '0.1');
    expect(cli.stdout().match(/^QUEUE/gm)).toHaveLength(2);
    expect(cli.stdout()).not.toContain('\u001b');
  });

  it('says what is wrong when there is no server', async () => {
    const cli = open({ environment: { LONGSHORE_URL: 'http://127.0.0.1:1' } });
    expect(await cli.run('queues', '--watch')).toBe(exitCodes.unreachable);
  });

  it('refuses an interval that is none', async () => {
    expect(await open().run('queues', '--watch', '--interval', '0')).toBe(exitCodes.usage);
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
