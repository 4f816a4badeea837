import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli, type FakeCli } from '../../../test/support/fake-cli.ts';
import { type FakeServer, makeJob, startFakeServer } from '../../../test/support/fake-server.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { HealthResource, QueueResource, StatsResource } from '../../contract/program.ts';
import type { WorkerResource } from '../../contract/workers.ts';
import { exitCodes } from '../exit-codes.ts';
import { createTerminal, measureWidth } from '../terminal.ts';
import { pressKey } from './keys.ts';
import { renderTop } from './render.ts';
import { openScreen } from './screen.ts';
import { createTopState, type Effect, type Snapshot, type TopState } from './state.ts';

const AT = Date.parse('2026-01-01T00:01:00.000Z');
const counts = {
  ...{ scheduled: 1, queued: 812, processing: 2, waiting: 0, retrying: 3 },
  ...{ completed: 9, failed: 4, cancelled: 0, expired: 0 },
};
const makeQueue = (name: string, isPaused = false): QueueResource => ({
  ...{ name, isPaused, counts, transport: 'postgres', oldestWaitMs: 4100, throughputPerMinute: 61.2, workers: 2 },
});
const stats: StatsResource = {
  ...{ counts, completedLastMinute: 61, failedLastMinute: 2, workers: 2, drift: {} },
  webhooks: { pending: 0, failed: 0 },
};
const health: HealthResource = {
  ...{ status: 'ok', mode: 'all', uptime: 7200.5, version: '1.2.3' },
  connections: { postgres: 'ok', redis: 'none' },
};
const running = makeJob({
  ...{ id: '01980000-0000-7000-8000-00000000000a', type: 'email:send', status: 'processing', worker: 'host-1' },
  startedAt: '2026-01-01T00:00:55.000Z',
  progress: { percent: 40, message: 'half \u001b[31mway', etaMs: null },
});
const failed = makeJob({
  ...{ id: '01980000-0000-7000-8000-00000000000b', type: 'größe:messen', status: 'failed', attempt: 3 },
  error: { name: 'Error', message: 'no route to 日本語', attempt: 3 },
});
const worker: WorkerResource = {
  ...{ id: 'w', host: 'host-1', pid: 17, version: '1', queues: ['email'], concurrency: 10, running: 1, jobs: [] },
  ...{ startedAt: '2026-01-01T00:00:00.000Z', lastHeartbeatAt: '2026-01-01T00:00:59.000Z', isAlive: true },
};
const snapshot: Snapshot = {
  health,
  stats,
  queues: [makeQueue('email'), makeQueue('http', true)],
  jobs: { running: [running], waiting: [], failed: [failed] },
  workers: [worker],
  atMs: AT,
};
const state: TopState = { ...createTopState('http://127.0.0.1:3001'), snapshot };
const logs = Array.from({ length: 30 }, (_, n) => ({
  ...{ id: String(n), attempt: 1, level: 'info' as const, message: `step ${n}`, fields: null },
  at: '2026-01-01T00:00:30.000Z',
}));
const plain = createTerminal({ write: () => {} }, { write: () => {} }, { NO_COLOR: '1' }).colors;
const colored = createTerminal({ write: () => {}, isTTY: true }, { write: () => {} }, { FORCE_COLOR: '1' }).colors;

/** Presses keys one after the other. @returns the last effect and the state after all of them */
function press(from: TopState, ...keys: string[]): { state: TopState; effect: Effect | undefined } {
  let current = from;
  let effect: Effect | undefined;
  for (const key of keys) ({ state: current, effect } = { effect: undefined, ...pressKey(current, key) });
  return { state: current, effect };
}

describe('the screen of top', () => {
  it('shows rates, queues and running jobs at 80 × 24', () => {
    const lines = renderTop(state, { width: 80, height: 24, nowMs: AT }, plain);
    const text = lines.join('\n');
    expect(lines[0]?.trimEnd()).toBe('longshore 1.2.3  http://127.0.0.1:3001  ok  up 2 h');
    expect(lines[1]?.trimEnd()).toBe('1.0/s completed  0.0/s failed  2 running  812 queued  4 later  2 workers');
    expect(text).toMatch(/^> email +active +61 +2 +812/m);
    expect(text).toMatch(/^ {2}http +paused/m);
    expect(text).toMatch(/\[Queues\] \[Running\] {2}Waiting/);
    expect(text).toMatch(/email:send +processing +5 s ago +0\/3 +40 % half way/);
    expect(lines.at(-1)).toContain('q quit');
  });

  const modes: [string, TopState][] = [
    ['before the first answer', createTopState('http://127.0.0.1:3001')],
    ['in its lists', state],
    ['with the failed jobs', press(state, 'tab', 'tab', 'tab').state],
    ['with the workers', press(state, 'shift-tab').state],
    ['with a job', { ...state, mode: { kind: 'details', job: failed, logs, scroll: 3 } }],
    ['with its help', press(state, '?').state],
    ['with a question', press(state, 'tab', 'c').state],
    ['with a filter', press(state, '/', 'x').state],
    ['with a fault', { ...state, fault: `cannot reach it: ${'x'.repeat(300)}` }],
    [
      'with 300 queues',
      { ...state, snapshot: { ...snapshot, queues: Array.from({ length: 300 }, (_, n) => makeQueue(`q${n}`)) } },
    ],
  ];
  it.each(modes)('fits every window %s', (_what, each) => {
    for (const width of [20, 40, 79, 80, 81, 200]) {
      for (const height of [1, 2, 3, 5, 10, 24, 60]) {
        for (const colors of [plain, colored]) {
          const lines = renderTop(each, { width, height, nowMs: AT }, colors);
          expect(lines).toHaveLength(height);
          expect(new Set(lines.map(measureWidth))).toEqual(new Set([width]));
        }
      }
    }
  });

  it('shows the workers', () => {
    const lines = renderTop(press(state, 'shift-tab').state, { width: 100, height: 24, nowMs: AT }, plain);
    expect(lines.join('\n')).toMatch(/^> host-1 +17 +alive +1\/10 +1 s ago +1 min ago +email/m);
  });

  it('says how long the server has not answered, and shows no figures of former times', () => {
    const away = { ...state, fault: 'cannot reach it' };
    const size = { width: 80, height: 24, nowMs: AT + 12_345 };
    const [, second, third] = renderTop(away, size, plain).map((line) => line.trimEnd());
    expect(second).toBe('! no news for 12 s: cannot reach it');
    expect(third).toBe('– completed  – failed  – running  – queued  – later  – workers');
  });

  it('shows a job with the end of its log, whatever the height', () => {
    const details: TopState = { ...state, mode: { kind: 'details', job: failed, logs, scroll: 0 } };
    for (const height of [12, 24, 60]) {
      const text = renderTop(details, { width: 80, height, nowMs: AT }, plain).join('\n');
      expect(text).toContain('größe:messen');
      expect(text).toContain('step 29');
    }
  });

  it('sorts each list by itself', () => {
    const queued = { ...snapshot, queues: [makeQueue('b'), { ...makeQueue('a'), counts: { ...counts, queued: 1 } }] };
    const { state: sorted } = press({ ...state, snapshot: queued }, 's');
    const rowsOf = (each: TopState) => renderTop(each, { width: 80, height: 24, nowMs: AT }, plain).slice(3, 5);
    expect(rowsOf({ ...state, snapshot: queued }).map((row) => row.slice(2, 3))).toEqual(['a', 'b']);
    expect(rowsOf(sorted).map((row) => row.slice(2, 3))).toEqual(['b', 'a']);
    expect(sorted).toMatchObject({ notice: 'by queued', sorts: { queues: 1 } });
    expect(press(sorted, 's', 's', 's').state.notice).toBe('by name');
  });

  it('keeps the row under the cursor in sight, and on its row when others come', () => {
    const queues = Array.from({ length: 300 }, (_, n) => makeQueue(`q${n}`));
    const many = { ...state, snapshot: { ...snapshot, queues } };
    const { state: moved } = press(many, ...Array<string>(12).fill('pagedown'));
    expect(renderTop(moved, { width: 80, height: 24, nowMs: AT }, plain).join('\n')).toMatch(/^> q120 /m);
    const grown = { ...moved, snapshot: { ...snapshot, queues: [makeQueue('new'), ...queues] } };
    expect(renderTop(grown, { width: 80, height: 24, nowMs: AT }, plain).join('\n')).toMatch(/^> q120 /m);
    const { state: last } = press(many, 'end', 'down');
    expect(renderTop(last, { width: 80, height: 24, nowMs: AT }, plain).join('\n')).toMatch(/^> q299 /m);
  });
});

describe('the keys of top', () => {
  it('pause and resume the queue under the cursor', () => {
    expect(press(state, 'p').effect).toEqual({ kind: 'pause', queue: 'email' });
    expect(press(state, 'j', 'p').effect).toEqual({ kind: 'resume', queue: 'http' });
    expect(press(state, 'tab', 'p')).toMatchObject({
      effect: undefined,
      state: { notice: expect.stringContaining('queues first') },
    });
  });

  it('cancel a job only after a yes', () => {
    const asked = press(state, 'tab', 'c');
    expect(asked.effect).toBeUndefined();
    expect(press(asked.state, 'y').effect).toEqual({ kind: 'cancel', id: running.id });
    for (const key of ['n', 'return', 'escape', 'c']) {
      expect(press(asked.state, key)).toMatchObject({ effect: undefined, state: { mode: { kind: 'browse' } } });
    }
  });

  it('retry jobs that have failed, and say why others cannot', () => {
    expect(press(state, 'tab', 'tab', 'tab', 'r').effect).toEqual({ kind: 'retry', id: failed.id });
    expect(press(state, 'tab', 'r').state.notice).toBe('a processing job cannot run again');
    expect(press(state, 'tab', 'tab', 'tab', 'c').state.notice).toBe('a failed job cannot be cancelled');
    expect(press(state, 'r').state.notice).toContain('go to a job first');
  });

  it('open a job, and the jobs of a queue', () => {
    expect(press(state, 'tab', 'return').effect).toEqual({ kind: 'open', id: running.id });
    const ofQueue = press(state, 'return');
    expect(ofQueue).toMatchObject({ effect: { kind: 'refresh' }, state: { queue: 'email', pane: 'running' } });
    expect(press(ofQueue.state, 'escape').state.queue).toBeUndefined();
  });

  it('filter while they are typed, also those that do something else', () => {
    const typed = press(state, '/', 'h', 'q', 'backspace', 't', 'T');
    expect(typed).toMatchObject({ effect: undefined, state: { filter: 'htT', mode: { kind: 'filter' } } });
    expect(renderTop(typed.state, { width: 80, height: 24, nowMs: AT }, plain).join('\n')).not.toContain('email ');
    expect(press(typed.state, 'return', 'p').effect).toEqual({ kind: 'resume', queue: 'http' });
    expect(press(typed.state, 'escape').state.filter).toBe('');
  });

  it('quit', () => {
    expect(press(state, 'q').effect).toEqual({ kind: 'quit' });
    expect(press(state, 'tab', 'c', 'ctrl-c').effect).toEqual({ kind: 'quit' });
    expect(press(state, 'toString', '__proto__').effect).toBeUndefined();
  });
});

describe('the alternate screen', () => {
  it('is drawn once, then only where something has changed', () => {
    const written: string[] = [];
    const screen = openScreen({ write: (text) => void written.push(text) });
    screen.draw(['a', 'b']);
    screen.draw(['a', 'c']);
    screen.draw(['a', 'c']);
    screen.forget();
    screen.draw(['a']);
    screen.close();
    screen.close();
    screen.draw(['late']);
    expect(written).toEqual([
      '\u001b[?1049h\u001b[?25l\u001b[?7l',
      '\u001b[?2026h\u001b[2J\u001b[1;1Ha\u001b[2;1Hb\u001b[?2026l',
      '\u001b[?2026h\u001b[2;1Hc\u001b[?2026l',
      '\u001b[?2026h\u001b[2J\u001b[1;1Ha\u001b[?2026l',
      '\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l',
    ]);
  });
});

describe('longshore top', () => {
  let server: FakeServer;
  beforeEach(async () => {
    server = await startFakeServer();
    server.onJson('GET /health', health);
    server.onJson('GET /v1/stats', stats);
    server.onJson('GET /v1/queues', { items: snapshot.queues, nextCursor: null });
    server.onJson('GET /v1/jobs', { items: [running], nextCursor: null });
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
  });

  const environment = () => ({ LONGSHORE_URL: server.url, NO_COLOR: '1' });
  const shows = (cli: FakeCli, text: string) =>
    waitFor(() => cli.stdout().includes(text), { describe: `the screen shows ${text}` });

  it('pauses a queue, opens a job, follows the window, and quits with the terminal as it was', async () => {
    const cli = createFakeCli({ environment: environment(), isTTY: true, columns: 80, rows: 24 });
    server.onJson('POST /v1/queues/email/pause', makeQueue('email', true));
    server.onJson(`GET ${running.links.self}`, running);
    server.onJson(`GET ${running.links.self}/logs`, { items: logs, nextCursor: null });
    const ended = cli.run('top');
    await shows(cli, '> email');
    cli.press('p');
    await shows(cli, 'email is paused');
    cli.press('tab', 'return');
    await shows(cli, 'Esc back');
    await shows(cli, 'step 29');
    cli.resize(40, 10);
    cli.press('escape', 'q');
    expect(await ended).toBe(exitCodes.done);
    expect(cli.stdout().startsWith('\u001b[?1049h')).toBe(true);
    expect(cli.stdout().endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
    expect(cli.stderr()).toBe('');
  });

  it('shows what is wrong and goes on when the server comes back', async () => {
    const cli = createFakeCli({ environment: environment(), isTTY: true, columns: 80, rows: 24 });
    server.onJson('GET /v1/stats', { status: 503, code: 'STORE_UNAVAILABLE', detail: 'the database is away' }, 503);
    const ended = cli.run('top', '--interval', '0.1');
    await shows(cli, 'the database is away');
    server.onJson('GET /v1/stats', stats);
    await shows(cli, '> email');
    cli.interrupt();
    expect(await ended).toBe(exitCodes.done);
    expect(cli.stdout().endsWith('\u001b[?1049l')).toBe(true);
  });

  it('leaves a job that is gone, and says so', async () => {
    const cli = createFakeCli({ environment: environment(), isTTY: true, columns: 80, rows: 24 });
    server.onJson(`GET ${running.links.self}`, running);
    server.onJson(`GET ${running.links.self}/logs`, { items: logs, nextCursor: null });
    const ended = cli.run('top', '--interval', '0.1');
    await shows(cli, 'email:send');
    cli.press('tab', 'return');
    await shows(cli, 'step 29');
    const gone = { status: 404, code: 'NOT_FOUND', detail: 'there is no such job' };
    server.onJson(`GET ${running.links.self}`, gone, 404);
    await shows(cli, 'there is no such job');
    cli.press('q');
    expect(await ended).toBe(exitCodes.done);
    expect(cli.stdout()).not.toContain('no news');
  });

  it('refuses a pipe, with what to take in its place', async () => {
    const cli = createFakeCli({ environment: environment() });
    expect(await cli.run('top')).toBe(exitCodes.usage);
    expect(cli.stderr()).toContain('queues --watch');
    expect(cli.stdout()).toBe('');
  });
});
