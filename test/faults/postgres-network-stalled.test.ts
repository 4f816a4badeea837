import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import type { Installation } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, startProxy } from './setup.ts';

/** Within this time a program must have given up a connection on which nothing comes back. */
const NOTICED_WITHIN_MS = 30_000;

const databaseUrlOf = ({ settings }: Installation) => settings.DATABASE_URL ?? '';

describe.each<TransportName>(['postgres', 'bullmq'])(
  'a half-open network before PostgreSQL, on the %s transport',
  (transport) => {
    it('is answered with 503 and costs a worker its run, which another takes; when it is back, both work again', async () => {
      const installation = await install({ transport });
      const proxy = await startProxy(databaseUrlOf(installation));
      const routed = { DATABASE_URL: proxy.route(databaseUrlOf(installation)) };
      const note = join(installation.folder, 'note');
      const path = installation.nextGate();
      const api = await installation.start({ MODE: 'api' });
      const [cutOffApi, cutOffWorker] = await Promise.all([
        installation.start({ MODE: 'api', ...routed }),
        installation.start({ MODE: 'worker', ...routed }),
      ]);
      const { id } = await cutOffApi.enqueue('test:gate', { path, note });
      await waitFor(() => countNotes(note, 'started') === 1, { describe: 'a job runs' });

      proxy.stall();
      const call = cutOffApi.call('/v1/jobs', { json: { type: 'test:echo', input: 'refused' } });
      const other = await installation.start({ MODE: 'worker' });
      await waitFor(() => countNotes(note, 'started') === 2, {
        describe: 'the job runs elsewhere',
        timeoutMs: NOTICED_WITHIN_MS,
      });
      expect((await Promise.race([call, rejectAfter(NOTICED_WITHIN_MS)])).status).toBe(503);
      writeFileSync(path, '');
      const ended = await api.jobEnded(id);
      expect(ended).toMatchObject({ status: 'completed', attempt: 1 });
      await other.stop();

      await proxy.pass();
      const next = await waitFor(() => cutOffApi.enqueue('test:work', { ms: 0, note }), {
        describe: 'jobs are accepted again',
        timeoutMs: NOTICED_WITHIN_MS,
      });
      expect(await api.jobEnded(next.id, NOTICED_WITHIN_MS)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(readNotes(note).get(next.id)).toEqual(['started', 'ended']);
      expect(await api.job(id)).toEqual(ended);
      for (const program of [cutOffApi, cutOffWorker]) expect(program.hasEnded).toBe(false);
    });
  },
);

async function rejectAfter(ms: number): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms).unref();
  return promise;
}
