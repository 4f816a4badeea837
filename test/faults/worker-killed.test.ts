import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AttemptResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { StatsResource } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import { Installation } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const RUNNING = 8;
const WAITING = 12;

describe.each<TransportName>(['postgres', 'bullmq'])('kill -9 of a worker, on the %s transport', (transport) => {
  let installation: Installation;
  afterEach(() => installation?.remove());

  it('loses no job that ran or waited: another worker completes each, and the record says so once', async () => {
    installation = await Installation.create({
      transport,
      settings: { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '500', QUEUE_CONCURRENCY: String(RUNNING) },
    });
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
      const { items } = (await api.call<Page<AttemptResource>>(`/v1/jobs/${id}/attempts`)).body;
      expect(items.map(({ outcome }) => outcome)).toEqual(
        ran.includes(id) ? ['worker_lost', 'completed'] : ['completed'],
      );
    }
    expect(readNotes(note)).toEqual(
      new Map(jobs.map(({ id }) => [id, ran.includes(id) ? ['started', 'started'] : ['started']])),
    );
    const stats = (await api.call<StatsResource>('/v1/stats')).body;
    expect(stats.counts).toMatchObject({ completed: RUNNING + WAITING, queued: 0, processing: 0, failed: 0 });
    await rescuer.stop();
  });

  it('fails a job that takes its worker down again and again, instead of circling for ever', async () => {
    installation = await Installation.create({
      transport,
      settings: { LOCK_DURATION_MS: '2000', STALLED_INTERVAL_MS: '500' },
    });
    const note = join(installation.folder, 'note');
    const api = await installation.start({ MODE: 'api' });
    const { id } = await api.enqueue('test:gate', { path: join(installation.folder, 'never'), note });
    for (let loss = 1; loss <= 3; loss += 1) {
      const worker = await installation.start({ MODE: 'worker' });
      await waitFor(() => countNotes(note, 'started') === loss, {
        describe: `it runs for time ${loss}`,
        timeoutMs: 30_000,
      });
      await worker.stop('SIGKILL');
    }
    await installation.start({ MODE: 'worker' });
    expect(await api.jobEnded(id, 30_000)).toMatchObject({ status: 'failed', reason: 'worker_lost' });
    expect(countNotes(note, 'started')).toBe(3);
  });
});
