import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { Harness } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const harnesses: Harness[] = [];

afterEach(async () => {
  for (const harness of harnesses.splice(0).reverse()) await harness.stop();
});

it('goes on with a job when the program moves from Redis to PostgreSQL and back', async () => {
  const ran: [TransportName, number][] = [];
  let transport: TransportName = 'bullmq';
  const stubborn = defineJob({
    type: 'moving:job',
    input: z.unknown(),
    attempts: 3,
    backoff: { type: 'fixed', delayMs: 600_000 },
    run: (_input, ctx) => {
      ran.push([transport, ctx.attempt]);
      if (ctx.attempt < 3) throw new Error('not yet');
      return 'arrived';
    },
  });
  const keeper = await Harness.start({ transport: 'postgres', jobs: [stubborn] });
  harnesses.push(keeper);
  let id = '';
  for (const [index, next] of (['bullmq', 'postgres', 'bullmq'] as const).entries()) {
    transport = next;
    const harness = await Harness.start({ transport, jobs: [stubborn], beside: keeper });
    harnesses.push(harness);
    if (index === 0) id = (await harness.enqueue(stubborn, null)).id;
    else await harness.sql('update longshore.jobs set run_at = now() where id = $1', [id]); // its time has come
    await harness.startWorker();
    if (index < 2) await hasFailed(harness, id, index + 1);
    else expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'arrived', attempt: 3 });
    await harnesses.pop()?.stop();
  }
  expect(ran).toEqual([
    ['bullmq', 1],
    ['postgres', 2],
    ['bullmq', 3],
  ]);
});

async function hasFailed(harness: Harness, id: string, attempt: number): Promise<void> {
  const probe = async () => {
    const job = await harness.job(id);
    return job.status === 'retrying' && job.attempt === attempt;
  };
  await waitFor(probe, { describe: `attempt ${attempt} of job ${id} has failed` });
}
