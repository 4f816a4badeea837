import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob, type JobContext } from '../../src/index.ts';
import { AppError } from '../../src/shared/errors.ts';
import type { LogLine } from '../../src/store/journal.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

function define(run: (ctx: JobContext, n: number) => unknown) {
  return defineJob({ type: 'talk:job', input: z.int(), attempts: 1, run: (n, ctx) => run(ctx, n) });
}

/** Sees every batch of lines on its way into the record; it may make one fail. */
function watchBatches(harness: Harness, check: (lines: readonly LogLine[]) => void = () => undefined) {
  const batches: (readonly LogLine[])[] = [];
  const { journal } = harness.engine.store;
  const { addLogs } = journal;
  journal.addLogs = async (lines) => {
    check(lines);
    batches.push(lines);
    await addLogs(lines);
  };
  return batches;
}

const messagesOf = async (harness: Harness, id: string) =>
  (await harness.engine.store.journal.logs(id, { fence: 0, seq: 0 }, 60_000)).map((line) => line.message);

describe('what runs say', () => {
  const start = useHarnesses('postgres'); // no transport has a part in it

  it('is stored together for all runs of a worker', async () => {
    const gate = new Gate();
    const job = define(async (ctx, n) => {
      for (let line = 0; line < 50; line += 1) ctx.log.info(`${n}/${line}`);
      await gate.pass();
    });
    const harness = await start([job]);
    const batches = watchBatches(harness);
    const jobs = await Promise.all([1, 2, 3, 4].map((n) => harness.enqueue(job, n)));
    await harness.startWorker();
    const lastLines = () => Promise.all(jobs.map(async ({ id }) => (await messagesOf(harness, id)).length === 50));
    await waitFor(async () => (await lastLines()).every(Boolean), { describe: 'all lines are stored' });
    expect(batches.length).toBeLessThanOrEqual(4); // 200 lines; at most one batch for each start
    gate.open();
    await Promise.all(jobs.map(({ id }) => harness.ended(id)));
    for (const [index, { id }] of jobs.entries()) {
      const expected = Array.from({ length: 50 }, (_, line) => `${index + 1}/${line}`);
      expect(await messagesOf(harness, id)).toEqual(expected);
    }
  });

  it('is lost, with a warning, while the database is away, and the job is not harmed', async () => {
    const gate = new Gate();
    const job = define(async (ctx) => {
      ctx.log.info('lost');
      await gate.pass();
      ctx.log.info('kept');
      return 'fine';
    });
    const harness = await start([job]);
    watchBatches(harness, (lines) => {
      if (lines.some((line) => line.message === 'lost')) throw new AppError('STORE_UNAVAILABLE', 'away');
    });
    await harness.startWorker();
    const { id } = await harness.enqueue(job, 1);
    const warned = () => harness.lines().some((line) => line.message.startsWith('1 log lines'));
    await waitFor(warned, { describe: 'the warning' });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'fine' });
    expect(await messagesOf(harness, id)).toEqual(['kept']);
  });

  it('is kept up to 50,000 lines that could not be stored yet; the loss of more is told once', async () => {
    const job = define((ctx) => {
      for (let line = 0; line < 50_100; line += 1) ctx.log.debug('x');
    });
    const harness = await start([job]);
    const batches = watchBatches(harness);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, 1);
    expect(await harness.ended(id, 40_000)).toMatchObject({ status: 'completed' });
    expect(await messagesOf(harness, id)).toHaveLength(50_000);
    expect(batches.every((batch) => batch.length <= 1000)).toBe(true);
    const warnings = harness.lines().filter((line) => line.message.startsWith('jobs log faster'));
    expect(warnings).toHaveLength(1);
  });
});
