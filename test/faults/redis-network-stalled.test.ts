import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readNotes } from '../support/notes.ts';
import { install, startProxy } from './setup.ts';

/** Within this time a program must have given up a connection on which nothing comes back. */
const NOTICED_WITHIN_MS = 30_000;

describe('a half-open network before Redis', () => {
  it('costs no call its 202 and no job its run', async () => {
    const installation = await install({ transport: 'bullmq' });
    const proxy = await startProxy(installation.settings.REDIS_URL);
    const note = join(installation.folder, 'note');
    const routed = { REDIS_URL: proxy.route(installation.settings.REDIS_URL ?? '') };
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
