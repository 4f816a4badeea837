import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, startOwnRedis } from './setup.ts';

const SLOTS = 2;
const WAITING = 6;

describe.each(['SIGTERM', 'SIGKILL'] as const)('a Redis without persistence that is restarted (%s)', (signal) => {
  it('loses no job: those that waited, ran, or came while it was down all complete once', async () => {
    const redis = await startOwnRedis();
    const settings = { REDIS_URL: redis.url, QUEUE_CONCURRENCY: String(SLOTS) };
    const installation = await install({ transport: 'bullmq', settings });
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const api = await installation.start({ MODE: 'api' });
    await installation.start({ MODE: 'worker' });
    const jobs = [];
    for (let n = 0; n < SLOTS + WAITING; n += 1) jobs.push(await api.enqueue('test:gate', { path, note }));
    await waitFor(() => countNotes(note, 'started') === SLOTS, { describe: `${SLOTS} jobs run` });

    await redis.stop(signal);
    for (let n = 0; n < WAITING; n += 1) jobs.push(await api.enqueue('test:gate', { path, note }));
    await redis.restart();
    writeFileSync(path, '');
    for (const { id } of jobs) {
      expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 1 });
      expect(await api.outcomes(id)).toEqual(['completed']);
    }
    await waitFor(async () => (await api.call('/health/ready')).status === 200, {
      describe: 'the program is ready again',
    });
  });
});
