import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countNotes } from '../support/notes.ts';
import { waitFor } from '../support/wait-for.ts';
import { allEnded, FOUR, resultOf, stepsOf } from './pipelines.ts';
import { install, openQueue, startOwnRedis } from './setup.ts';

const PIPELINES = 4;

describe('FLUSHALL in the middle of pipelines', () => {
  it('loses no pipeline and no step, whether it runs, is queued or waits, and repeats none', async () => {
    const server = await startOwnRedis();
    const settings = { REDIS_URL: server.url, QUEUE_CONCURRENCY: '5' };
    const installation = await install({ transport: 'bullmq', settings });
    const { queue, redis } = openQueue(installation, 'stage');
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const api = await installation.start({ MODE: 'api' });
    await installation.start({ MODE: 'worker' });
    const pipelines = [];
    for (let n = 0; n < PIPELINES; n += 1) pipelines.push(await api.enqueue('stage:four', { n, note, path }));
    // One slot each has gone to a first stage, and all slots to steps that are held.
    const areHeld = async () => countNotes(note, 'started') === PIPELINES + 5 && (await queue.getWaitingCount()) > 0;
    await waitFor(areHeld, { describe: 'some steps run, and some wait in BullMQ' });
    await redis.flushall();
    writeFileSync(path, '');
    // And once more, in whatever they do at this moment.
    await waitFor(() => countNotes(note, 'started') > PIPELINES + 5, { describe: 'further steps run' });
    await redis.flushall();

    await allEnded(installation, 40_000);
    for (const [n, { id }] of pipelines.entries()) {
      expect(await api.job(id)).toMatchObject({ error: null, status: 'completed', output: resultOf(n), attempt: 1 });
      expect(await stepsOf(installation, id)).toEqual(FOUR.map((step) => `${step} completed`));
      expect(await api.outcomes(id)).toEqual(['completed']);
    }
    expect(countNotes(note, 'started')).toBe(PIPELINES * FOUR.length);
  });
});
