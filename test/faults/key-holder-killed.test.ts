import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes, readNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, openQueue, startOwnRedis } from './setup.ts';

const WAITING = 4;

describe.each<TransportName>(['postgres', 'bullmq'])(
  'kill -9 of the worker that holds a key, on the %s transport',
  (transport) => {
    it('gives the turn back to its job; the others follow one at a time, also when Redis forgets all of them', async () => {
      const server = transport === 'bullmq' ? await startOwnRedis() : undefined;
      const installation = await install({ transport, settings: server ? { REDIS_URL: server.url } : {} });
      const note = join(installation.folder, 'note');
      const path = installation.nextGate();
      const api = await installation.start({ MODE: 'api' });
      const doomed = await installation.start({ MODE: 'worker' });
      const options = { concurrencyKey: 'one at a time' };
      const jobs = [];
      for (let n = 0; n <= WAITING; n += 1) jobs.push(await api.enqueue('test:gate', { path, note }, options));
      await waitFor(() => countNotes(note, 'started') === 1, { describe: 'the first runs' });
      expect((await api.job(jobs[1]?.id ?? '')).waitingFor).toMatchObject({ reason: 'concurrency_key', position: 0 });
      expect((await api.job(jobs[0]?.id ?? '')).waitingFor).toBeNull();

      if (server) await openQueue(installation, 'test').redis.flushall();
      await doomed.stop('SIGKILL');
      await installation.start({ MODE: 'worker' });
      await waitFor(() => countNotes(note, 'started') === 2, { describe: 'the first runs again', timeoutMs: 20_000 });
      expect(readNotes(note)).toEqual(new Map([[jobs[0]?.id, ['started', 'started']]]));
      writeFileSync(path, '');
      const ends = [];
      for (const { id } of jobs) ends.push(await api.jobEnded(id, 30_000));
      expect(ends.every(({ status, attempt }) => status === 'completed' && attempt === 1)).toBe(true);
      const inOrder = ends.toSorted((one, other) => ((one.startedAt ?? '') < (other.startedAt ?? '') ? -1 : 1));
      expect(inOrder.map(({ id }) => id)).toEqual(jobs.map(({ id }) => id));
      for (const [index, { startedAt }] of inOrder.entries()) {
        const before = inOrder[index - 1]?.finishedAt ?? '';
        expect((startedAt ?? '') >= before).toBe(true);
      }
    });
  },
);
