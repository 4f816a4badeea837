import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AttemptResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('kill -TERM of a worker, on the %s transport', (transport) => {
  let installation: Installation;
  afterEach(() => installation?.remove());

  async function install(): Promise<{ api: Program; note: string }> {
    installation = await Installation.create({ transport });
    return { api: await installation.start({ MODE: 'api' }), note: join(installation.folder, 'note') };
  }

  const enqueueMany = async (api: Program, count: number, type: string, input: unknown) => {
    const jobs = await Promise.all(Array.from({ length: count }, () => api.enqueue(type, input)));
    return jobs.map(({ id }) => id);
  };

  it('loses none of 20 running jobs of 2 s and repeats none; another worker takes those that waited', async () => {
    const { api, note } = await install();
    const worker = await installation.start({ MODE: 'worker' });
    const ids = await enqueueMany(api, 26, 'test:work', { ms: 2000, note });
    await waitFor(() => countNotes(note, 'started') >= 20, { describe: '20 jobs run' });
    expect(await worker.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    const doneBefore = countNotes(note, 'ended');
    expect(doneBefore).toBe(countNotes(note, 'started'));

    await installation.start({ MODE: 'worker' });
    const jobs = await Promise.all(ids.map((id) => api.jobEnded(id, 40_000)));
    expect(jobs.map(({ status, attempt, output }) => ({ status, attempt, output }))).toEqual(
      ids.map(() => ({ status: 'completed', attempt: 1, output: { attempt: 1 } })),
    );
    expect(readNotes(note)).toEqual(new Map(ids.map((id) => [id, ['started', 'ended']])));
  });

  it('puts jobs back that run longer than the shutdown timeout, without counting an attempt', async () => {
    const { api, note } = await install();
    const path = join(installation.folder, 'gate');
    const settings = { MODE: 'worker', SHUTDOWN_TIMEOUT_MS: '200', QUEUE_CONCURRENCY: '20' };
    const worker = await installation.start(settings);
    const ids = await enqueueMany(api, 20, 'test:gate', { path, note });
    await waitFor(() => countNotes(note, 'started') === 20, { describe: '20 jobs run' });
    expect(await worker.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    for (const id of ids) expect(await api.job(id)).toMatchObject({ status: 'queued', attempt: 0 });

    writeFileSync(path, '');
    await installation.start(settings);
    for (const id of ids) {
      expect(await api.jobEnded(id, 40_000)).toMatchObject({ status: 'completed', attempt: 1, maxAttempts: 3 });
      const { items } = (await api.call<Page<AttemptResource>>(`/v1/jobs/${id}/attempts`)).body;
      expect(items.map(({ outcome }) => outcome)).toEqual(['put_back', 'completed']);
    }
    expect(readNotes(note)).toEqual(new Map(ids.map((id) => [id, ['started', 'aborted', 'started']])));
  });
});
