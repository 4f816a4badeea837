import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, type JobContext } from '../index.ts';
import { runJob } from '../testing.ts';
import { keepCheckpoint } from './keep-checkpoint.ts';

const away = Object.assign(new Error('the database did not answer'), { code: 'STORE_UNAVAILABLE' });

/** A job that keeps one state in a database which fails as it is told, one write after another. */
function keep(faults: readonly Error[], signal?: AbortSignal) {
  const left = [...faults];
  const job = defineJob({
    type: 'test:keep',
    input: z.null(),
    async run(_input, ctx) {
      const checkpoint: JobContext['checkpoint'] = async (state) => {
        const fault = left.shift();
        if (fault) throw fault;
        await ctx.checkpoint(state);
      };
      await keepCheckpoint({ ...ctx, checkpoint, signal: signal ?? ctx.signal }, { sent: true });
    },
  });
  return runJob(job, null);
}

describe('what a job has done to the outside', () => {
  it('is kept when a database that was away is back', async () => {
    const { checkpoints } = await keep([away, away]);
    expect(checkpoints).toEqual([{ sent: true }]);
  });

  it('is not waited for where the record refuses it, or the run is over', async () => {
    await expect(keep([new Error('no longer the newest')])).rejects.toThrow('no longer the newest');
    const forEver = Array.from({ length: 100 }, () => away);
    await expect(keep(forEver, AbortSignal.abort(new Error('the run is over')))).rejects.toThrow('the run is over');
  });
});
