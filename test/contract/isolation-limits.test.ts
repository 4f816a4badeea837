import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { isTerminal } from '../../src/contract/job.ts';
import type { Isolation } from '../../src/define/isolation.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { defineJob } from '../../src/index.ts';
import { everyone, useHarnesses } from '../support/harness.ts';
import type { Behaviour } from '../support/isolated/behave.ts';
import { waitFor } from '../support/wait-for.ts';

function defineBehave(isolation: Isolation) {
  return defineJob({
    type: `apart:${isolation}`,
    queue: 'apart',
    attempts: 1,
    input: z.custom<Behaviour>(),
    isolation,
    handlerFile: new URL('../support/isolated/behave.ts', import.meta.url),
  });
}

const echo = defineJob({ type: 'beside:echo', input: z.int(), run: (n) => n });
const everywhere = ['thread', 'process'] as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-isolation-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});
const pathOf = (name: string) => join(folder, name);
const appears = (path: string) => waitFor(() => existsSync(path), { describe: `${path} appears`, timeoutMs: 30_000 });

describe.each<TransportName>(['postgres', 'bullmq'])('isolated jobs on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it.each(everywhere)('that block for a minute time out, and harm nothing else: %s', async (isolation) => {
    const job = defineBehave(isolation);
    const harness = await start([job, echo], {
      settings: { LOCK_DURATION_MS: '8000', STALLED_INTERVAL_MS: '1000', THREADS_MAX: '1' },
    });
    const worker = await harness.startWorker({ heartbeatMs: 500 });
    const note = pathOf('note');
    const { id } = await harness.enqueue(job, { how: 'loop', note }, { timeoutMs: 4000 });
    await appears(note);
    // Waits until the blocked thread has been replaced.
    const next = await harness.enqueue(job, { how: 'wait' });
    let answered = 0;
    while (!isTerminal((await harness.job(id)).status)) {
      const { id: other } = await harness.enqueue(echo, answered);
      expect(await harness.ended(other)).toMatchObject({ status: 'completed', output: answered, rescues: 0 });
      expect(worker.getHealth()).toMatchObject({ status: 'ok' });
      answered += 1;
    }
    expect(answered).toBeGreaterThan(0);
    expect(await harness.job(id)).toMatchObject({
      status: 'failed',
      reason: 'timeout',
      attempt: 1,
      rescues: 0, // neither its lock nor the heartbeat of its worker was lost
      error: { message: 'the attempt took longer than 4000 ms' },
    });
    expect(await harness.ended(next.id)).toMatchObject({ status: 'completed', output: 1, attempt: 1, rescues: 0 });
    expect(await harness.logged(id, 'was ended by force: its handler was told to stop 5 s ago')).toMatchObject({
      level: 'warn',
      type: job.type,
    });
    expect(harness.lines().filter(({ message }) => /no longer|lost|does not answer/.test(message))).toEqual([]);
  });

  it.each(everywhere)('that are cancelled learn it, end at once, and give their place back: %s', async (isolation) => {
    const job = defineBehave(isolation);
    const harness = await start([job], { settings: { THREADS_MAX: '1' } });
    const worker = await harness.startWorker();
    const { id } = await harness.enqueue(job, { how: 'obey', note: pathOf('note') });
    await appears(pathOf('note'));
    const waiting = await harness.enqueue(job, { how: 'never', note: pathOf('never') });
    await harness.has(waiting.id, 'processing');
    await cancelJob(harness.engine, everyone, waiting.id);
    await waitFor(() => worker.getHealth().running === 1, { describe: 'the one that waited is gone' });
    await cancelJob(harness.engine, everyone, id);
    const next = await harness.enqueue(job, { how: 'next' });
    expect(await harness.ended(next.id)).toMatchObject({ output: 'next' });
    expect(await harness.job(id)).toMatchObject({ status: 'cancelled' });
    expect(await harness.job(waiting.id)).toMatchObject({ status: 'cancelled' });
    expect(existsSync(pathOf('never'))).toBe(false);
    expect(await harness.logged(id, 'told: AbortError cancelled')).toBeDefined();
    expect(harness.lines(id).filter(({ message }) => message.includes('by force'))).toEqual([]);
  });

  it('give their place back when the system starts no process for them', async () => {
    const job = defineBehave('process');
    const harness = await start([job], { settings: { THREADS_MAX: '1' } });
    await harness.startWorker();
    vi.stubEnv('TOO_LONG_FOR_A_PROCESS', 'x'.repeat(4_000_000));
    const failed = await harness.enqueue(job, { how: 'never' });
    expect(await harness.ended(failed.id)).toMatchObject({ status: 'failed', error: { code: 'E2BIG' } });
    vi.unstubAllEnvs();
    const next = await harness.enqueue(job, { how: 'next' });
    expect(await harness.ended(next.id)).toMatchObject({ output: 'next' });
  });

  it('do not use up their timeout while they wait for a thread', async () => {
    const job = defineBehave('thread');
    const harness = await start([job], { settings: { THREADS_MAX: '1' } });
    await harness.startWorker();
    const first = await harness.enqueue(job, { how: 'wait', note: pathOf('note'), gate: pathOf('gate') });
    await appears(pathOf('note'));
    const second = await harness.enqueue(job, { how: 'second' }, { timeoutMs: 2000 });
    const { startedAt } = await harness.has(second.id, 'processing');
    await waitFor(() => Date.now() - (startedAt?.getTime() ?? 0) > 2500, { describe: 'its timeout would be over' });
    expect(await harness.job(second.id)).toMatchObject({ status: 'processing' });
    writeFileSync(pathOf('gate'), '');
    expect(await harness.ended(second.id)).toMatchObject({ output: 'second', attempt: 1 });
    expect(await harness.ended(first.id)).toMatchObject({ status: 'completed' });
  });

  it('wait for their turn, however many there are, and none fails', async () => {
    const job = defineBehave('thread');
    const harness = await start([job], { settings: { THREADS_MAX: '2', THREADS_QUEUE: '1' } });
    const worker = await harness.startWorker({ concurrency: 50 });
    const gate = pathOf('gate');
    const jobs = await Promise.all(Array.from({ length: 150 }, () => harness.enqueue(job, { how: 'wait', gate })));
    await waitFor(() => worker.getHealth().running >= 3, { describe: 'two run and one waits' });
    writeFileSync(gate, '');
    const ends = await harness.allEnded(jobs);
    expect(ends.filter(({ status, attempt }) => status !== 'completed' || attempt !== 1)).toEqual([]);
    const runs = ends.map(({ output }) => output as number);
    expect(Math.max(...runs)).toBeGreaterThanOrEqual(75); // two threads have shared them
    expect(new Set(runs).size).toBeLessThan(150);
  });

  it('that wait in too great a number keep the worker from taking more of them, and nothing else', async () => {
    const job = defineBehave('process');
    const harness = await start([job, echo], { settings: { THREADS_MAX: '1', THREADS_QUEUE: '2' } });
    const worker = await harness.startWorker({ concurrency: 10 });
    const gate = pathOf('gate');
    const enqueue = () => harness.enqueue(job, { how: 'wait', gate });
    const jobs = await Promise.all([enqueue(), enqueue(), enqueue()]);
    const isFull = () => harness.lines().some(({ message }) => message.startsWith('too many isolated jobs wait'));
    await waitFor(isFull, { describe: 'one runs and two wait' });
    for (let more = 0; more < 6; more += 1) jobs.push(await enqueue());
    expect(await harness.ended((await harness.enqueue(echo, 1)).id)).toMatchObject({ output: 1 });
    // One more: BullMQ hands out what it was fetching.
    expect(worker.getHealth().queues.find(({ name }) => name === 'apart')?.running).toBeLessThanOrEqual(4);
    writeFileSync(gate, '');
    const ends = await harness.allEnded(jobs);
    expect(ends.map(({ status, attempt }) => [status, attempt])).toEqual(jobs.map(() => ['completed', 1]));
  });

  it.each(everywhere)('are put back by a stop, also those that block or wait: %s', async (isolation) => {
    const job = defineBehave(isolation);
    const harness = await start([job], { settings: { THREADS_MAX: '2' } });
    const worker = await harness.startWorker({ shutdownTimeoutMs: 50 });
    const blocked = await harness.enqueue(job, { how: 'loop', note: pathOf('loop') });
    const obedient = await harness.enqueue(job, { how: 'obey', note: pathOf('obey') });
    await Promise.all([appears(pathOf('loop')), appears(pathOf('obey'))]);
    const waiting = await harness.enqueue(job, { how: 'waits' });
    // That it is processing only says that it was claimed; a claim that has not begun is given back without a trace.
    await waitFor(() => worker.getStats().running.some(({ jobId }) => jobId === waiting.id), {
      describe: 'the third run waits for a place',
    });
    await worker.stop();
    for (const { id } of [blocked, obedient, waiting]) {
      expect(await harness.job(id)).toMatchObject({ status: 'queued', attempt: 0, rescues: 0 });
      expect((await harness.attempts(id)).map(({ outcome }) => outcome)).toEqual(['put_back']);
    }
    if (isolation === 'process') {
      const pid = Number(readFileSync(pathOf('loop'), 'utf8'));
      expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    }
  });

  it.each(everywhere)('that say more than can be heard keep the last of their progress: %s', async (isolation) => {
    const job = defineBehave(isolation);
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, { how: 'flood' });
    expect(await harness.ended(id, 40_000)).toMatchObject({
      output: 'said it all',
      progressMessage: 'round 299999',
      rescues: 0,
    });
    expect(await harness.logged(id, 'the handler logs faster than the worker can take it')).toBeDefined();
    expect(await harness.logged(id, 'progress 100 % round 299999')).toBeDefined();
    const told = (text: RegExp) => harness.lines(id).filter(({ message }) => text.test(message)).length;
    expect(told(/^progress/)).toBeLessThan(3000);
    expect(told(/^round 0$/)).toBe(1);
    expect(told(/^round/)).toBeLessThan(150_000);
  });

  it('leave what they do after their end to themselves, and the next run on their thread unharmed', async () => {
    const job = defineBehave('thread');
    const harness = await start([job], { settings: { THREADS_MAX: '1' } });
    await harness.startWorker();
    const gate = pathOf('gate');
    const { id } = await harness.enqueue(job, { how: 'stray' });
    const next = await harness.enqueue(job, { how: 'wait', gate, note: pathOf('note') });
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await harness.logged(id, 'threw after its handler had ended')).toMatchObject({
      level: 'error',
      type: job.type,
      error: { message: 'late error' },
    });
    writeFileSync(gate, '');
    expect(await harness.ended(next.id)).toMatchObject({ output: 2, attempt: 1, progressMessage: null }); // one thread
    expect(await harness.engine.store.journal.logs(next.id, { fence: 0, seq: 0 }, 10)).toEqual([]);
    expect(await harness.engine.store.journal.logs(id, { fence: 0, seq: 0 }, 10)).toEqual([]);
    expect(await harness.job(id)).toMatchObject({ progressMessage: null });
  });
});
