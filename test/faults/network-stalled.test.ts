import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import type { Installation } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, startProxy } from './site.ts';

/** Within this time a program must have given up a connection on which nothing comes back. */
const NOTICED_WITHIN_MS = 30_000;

const databaseUrlOf = ({ settings }: Installation) => settings.DATABASE_URL ?? '';
const redisUrlOf = ({ settings }: Installation) => settings.REDIS_URL ?? '';

describe('a half-open network between the API and PostgreSQL', () => {
  it('is answered with 503 within a bound, and is over as soon as the network is back', async () => {
    const installation = await install();
    const proxy = await startProxy(databaseUrlOf(installation));
    const api = await installation.start({ MODE: 'api', DATABASE_URL: proxy.route(databaseUrlOf(installation)) });
    await api.enqueue('test:echo', 'before');
    proxy.stall();
    const json = { type: 'test:echo', input: 'meanwhile' };
    const call = api.call('/v1/jobs', { json }).then(({ status }) => status);
    expect(await Promise.race([call, rejectAfter(NOTICED_WITHIN_MS)])).toBe(503);
    await proxy.pass();
    const after = await waitFor(() => api.enqueue('test:echo', 'after'), { describe: 'a job is accepted again' });
    await installation.start({ MODE: 'worker' });
    expect(await api.jobEnded(after.id)).toMatchObject({ status: 'completed', output: 'after' });
  });
});

describe.each<TransportName>(['postgres', 'bullmq'])(
  'a half-open network between a worker and PostgreSQL, on the %s transport',
  (transport) => {
    it('costs it its runs, which another worker takes; when the network is back it works again', async () => {
      const installation = await install({ transport });
      const proxy = await startProxy(databaseUrlOf(installation));
      const note = join(installation.folder, 'note');
      const path = installation.nextGate();
      const api = await installation.start({ MODE: 'api' });
      const cutOff = await installation.start({
        MODE: 'worker',
        DATABASE_URL: proxy.route(databaseUrlOf(installation)),
      });
      const { id } = await api.enqueue('test:fail-late', { path, note });
      await waitFor(() => countNotes(note, 'started') === 1, { describe: 'a job runs' });
      proxy.stall();
      const other = await installation.start({ MODE: 'worker' });
      await waitFor(() => countNotes(note, 'started') === 2, { describe: 'it runs elsewhere', timeoutMs: 20_000 });
      await api.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
      await other.stop();
      await proxy.pass();
      const next = await api.enqueue('test:work', { ms: 0, note });
      expect(await api.jobEnded(next.id, NOTICED_WITHIN_MS)).toMatchObject({ status: 'completed' });
      expect(readNotes(note).get(next.id)).toEqual(['started', 'ended']);
      expect(await api.job(id)).toMatchObject({ status: 'cancelled' });
      expect(cutOff.hasEnded).toBe(false);
    });
  },
);

describe('a half-open network before Redis', () => {
  it('costs no call its 202 and no job its run', async () => {
    const installation = await install({ transport: 'bullmq' });
    const proxy = await startProxy(redisUrlOf(installation));
    const note = join(installation.folder, 'note');
    const routed = { REDIS_URL: proxy.route(redisUrlOf(installation)) };
    const api = await installation.start({ MODE: 'api', ...routed });
    const worker = await installation.start({ MODE: 'worker', ...routed });
    const jobs = [await api.enqueue('test:work', { ms: 0, note })];
    await api.jobEnded(jobs[0]?.id ?? '');
    proxy.stall();
    for (let n = 0; n < 5; n += 1) jobs.push(await api.enqueue('test:work', { ms: 0, note }));
    await proxy.pass();
    for (const { id } of jobs) {
      expect(await api.jobEnded(id, NOTICED_WITHIN_MS)).toMatchObject({ status: 'completed', attempt: 1 });
    }
    expect(readNotes(note)).toEqual(new Map(jobs.map(({ id }) => [id, ['started', 'ended']])));
    for (const program of [api, worker]) expect(program.hasEnded).toBe(false);
  });
});

async function rejectAfter(ms: number): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms).unref();
  return promise;
}
