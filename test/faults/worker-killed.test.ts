import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StatsResource } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, LOCK_DURATION_MS, STALLED_INTERVAL_MS } from './setup.ts';

const RUNNING = 8;
const WAITING = 12;
/** What a busy machine may take beyond the promise. */
const MARGIN_MS = 5000;

describe.each<TransportName>(['postgres', 'bullmq'])('kill -9 of a worker, on the %s transport', (transport) => {
  it('loses no job that ran or waited: another worker completes each, and the record says so once', async () => {
    const installation = await install({ transport, settings: { QUEUE_CONCURRENCY: String(RUNNING) } });
    const note = join(installation.folder, 'note');
    const path = join(installation.folder, 'gate');
    const api = await installation.start({ MODE: 'api' });
    const doomed = await installation.start({ MODE: 'worker' });
    const jobs = [];
    for (let n = 0; n < RUNNING + WAITING; n += 1) jobs.push(await api.enqueue('test:gate', { path, note }));
    await waitFor(() => countNotes(note, 'started') === RUNNING, { describe: `${RUNNING} jobs run` });
    const ran = [...readNotes(note).keys()];
    expect(await doomed.stop('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });

    writeFileSync(path, '');
    const rescuer = await installation.start({ MODE: 'worker' });
    for (const { id } of jobs) {
      expect(await api.jobEnded(id, 30_000)).toMatchObject({ status: 'completed', output: 'passed', attempt: 1 });
      expect(await api.outcomes(id)).toEqual(ran.includes(id) ? ['worker_lost', 'completed'] : ['completed']);
    }
    expect(readNotes(note)).toEqual(
      new Map(jobs.map(({ id }) => [id, ran.includes(id) ? ['started', 'started'] : ['started']])),
    );
    const stats = (await api.call<StatsResource>('/v1/stats')).body;
    expect(stats.counts).toMatchObject({ completed: RUNNING + WAITING, queued: 0, processing: 0, failed: 0 });
    await rescuer.stop();
  });

  it('runs its jobs elsewhere within LOCK_DURATION_MS + STALLED_INTERVAL_MS', async () => {
    const installation = await install({ transport, settings: { QUEUE_CONCURRENCY: String(RUNNING) } });
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const api = await installation.start({ MODE: 'api' });
    const doomed = await installation.start({ MODE: 'worker' });
    for (let n = 0; n < RUNNING; n += 1) await api.enqueue('test:gate', { path, note });
    await waitFor(() => countNotes(note, 'started') === RUNNING, { describe: `${RUNNING} jobs run` });
    await installation.start({ MODE: 'worker' });
    const killedAt = performance.now();
    await doomed.stop('SIGKILL');

    const boundMs = LOCK_DURATION_MS + STALLED_INTERVAL_MS;
    await waitFor(() => countNotes(note, 'started') === 2 * RUNNING, {
      describe: 'all of them run again',
      timeoutMs: boundMs + MARGIN_MS,
    });
    const tookMs = Math.round(performance.now() - killedAt);
    console.info(
      `${transport}: ${RUNNING} runs of a killed worker ran again after ${tookMs} ms; promised ${boundMs} ms`,
    );
  });

  it('fails a job that takes its worker down again and again, instead of circling for ever', async () => {
    const installation = await install({ transport });
    const note = join(installation.folder, 'note');
    const api = await installation.start({ MODE: 'api' });
    const { id } = await api.enqueue('test:kill', { note });
    for (let loss = 1; loss <= 3; loss += 1) {
      expect(await installation.launch({ MODE: 'worker' }).ended).toEqual({ code: null, signal: 'SIGKILL' });
    }
    const last = await installation.start({ MODE: 'worker' });
    expect(await api.jobEnded(id)).toMatchObject({ status: 'failed', reason: 'worker_lost' });
    expect(countNotes(note, 'started')).toBe(3);
    expect(last.hasEnded).toBe(false);
  });
});
