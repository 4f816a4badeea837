import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bulkActionRequestSchema } from '../../src/contract/bulk-actions.ts';
import { createBulkAction, requireBulkAction } from '../../src/engine/bulk-actions.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { removeExpiredJobs } from '../../src/engine/upkeep/retention.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';
import { childrenOf } from './pipeline-record.ts';

const DAYS = { completedDays: 7, failedDays: 30 };
const KEEPING = { settings: { RETENTION_COMPLETED_DAYS: '0', RETENTION_FAILED_DAYS: '0' } };

describe('the results of steps', () => {
  const start = useHarnesses('postgres');

  function makeJobs(gate: Gate) {
    const studio = { isBroken: false };
    const double = defineJob({ type: 'math:double', input: z.number(), output: z.number(), run: (n) => n * 2 });
    const hold = defineJob({
      type: 'some:hold',
      input: z.null(),
      attempts: 1,
      async run(_input, { signal }) {
        await gate.pass(signal);
        if (studio.isBroken) throw new Error('broken');
      },
    });
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.null(),
      async run(_input, { step }) {
        const doubled = await step.all(double, [1, 2]);
        await step(hold, null);
        return doubled;
      },
    });
    return { studio, jobs: [double, hold, pipeline], pipeline };
  }

  const age = (harness: Harness, days: number) =>
    harness.sql(`update longshore.jobs set finished_at = finished_at - $1::integer * interval '1 day'`, [days]);
  const count = async (harness: Harness) => (await harness.sql('select 1 from longshore.jobs')).length;
  async function removeOld(harness: Harness): Promise<void> {
    for (let times = 0; times < 2; times += 1) await removeExpiredJobs(harness.engine, DAYS); // steps go after their pipelines
  }

  // Rows that the waker looks at, after the end of the pipeline, are left to the next round.
  const untilAllRemoved = (harness: Harness) =>
    waitFor(
      async () => {
        await removeOld(harness);
        return (await count(harness)) === 0;
      },
      { describe: 'all of them are removed' },
    );

  it('outlast their retention while their pipeline goes on, and go with it', async () => {
    const gate = new Gate();
    const { jobs, pipeline } = makeJobs(gate);
    const harness = await start(jobs, KEEPING);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the last step runs' });
    await age(harness, 8);
    await removeOld(harness);
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: [2, 4] });
    await age(harness, 8);
    await untilAllRemoved(harness);
  });

  it('outlast their retention while their pipeline has failed and may be retried', async () => {
    const gate = new Gate();
    const { studio, jobs, pipeline } = makeJobs(gate);
    studio.isBroken = true;
    gate.open();
    const harness = await start(jobs, KEEPING);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    expect(await harness.ended(id)).toMatchObject({ status: 'failed' });
    await age(harness, 8);
    await removeOld(harness);
    studio.isBroken = false;
    await retryJob(harness.engine, everyone, id);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: [2, 4] });
  });

  it('are not deleted by a bulk action while their pipeline goes on', async () => {
    const gate = new Gate();
    const { jobs, pipeline } = makeJobs(gate);
    const harness = await start(jobs, KEEPING);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the last step runs' });
    const order = bulkActionRequestSchema.parse({ action: 'delete', filter: { type: 'math:double' } });
    const action = await createBulkAction(harness.engine, everyone, order, createId());
    await waitFor(async () => (await requireBulkAction(harness.engine, everyone, action.id)).status === 'completed', {
      describe: 'the bulk action is done',
    });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: [2, 4] });
  });

  it('that somebody deleted all the same fail their pipeline, instead of passing for none', async () => {
    const gate = new Gate();
    const { jobs, pipeline } = makeJobs(gate);
    const harness = await start(jobs, KEEPING);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the last step runs' });
    await harness.has(id, 'waiting'); // so that the next run has to read them
    await harness.sql(`delete from longshore.jobs where type = 'math:double' and step_index = 1`);
    gate.open();
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      reason: 'non_retryable',
      error: { message: expect.stringContaining('step "math:double#1": its result cannot be read any more') },
    });
  });

  it('are none of a former input: what still ran for it is cancelled by a retry with an input', async () => {
    const gate = new Gate();
    const { jobs, pipeline } = makeJobs(gate);
    const harness = await start(jobs, KEEPING);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the last step runs' });
    const old = await childrenOf(harness, id);
    await harness.engine.waker.stop(); // as if the process had ended at this moment
    await cancelJob(harness.engine, everyone, id);
    await retryJob(harness.engine, everyone, id, { input: null });
    const next = await start(jobs, { ...KEEPING, beside: harness });
    await next.startWorker();
    const last = old.find(({ key }) => key.startsWith('some:hold'));
    expect(await harness.ended(last?.id ?? '')).toMatchObject({ status: 'cancelled' });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: [2, 4] });
    expect(await childrenOf(harness, id)).toHaveLength(old.length);
  });
});
