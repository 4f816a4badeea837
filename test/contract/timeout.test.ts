import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const fast = { type: 'fixed', delayMs: 20 } as const;

describe.each<TransportName>(['postgres', 'bullmq'])('a timeout on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('aborts the signal, counts as an attempt, and is the reason when no attempt is left', async () => {
    const reasons: string[] = [];
    const slow = defineJob({
      type: 'slow:job',
      input: z.null(),
      attempts: 2,
      backoff: fast,
      timeoutMs: 50,
      run: async (_input, ctx) => {
        await new Gate().pass(ctx.signal).catch((reason: unknown) => {
          reasons.push(String(reason));
          throw reason;
        });
      },
    });
    const harness = await start([slow]);
    await harness.startWorker();
    const { id } = await harness.enqueue(slow, null);
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      reason: 'timeout',
      attempt: 2,
      error: { name: 'TimeoutError', message: 'the attempt took longer than 50 ms', attempt: 2 },
    });
    expect(reasons).toEqual(Array(2).fill('AbortError: the run was aborted: timeout'));
    const attempts = await harness.attempts(id);
    expect(attempts.map(({ attempt, outcome, error }) => [attempt, outcome, error?.name])).toEqual([
      [1, 'retrying', 'TimeoutError'],
      [2, 'failed', 'TimeoutError'],
    ]);
  });

  it('ends the attempt of a handler that ignores it, and discards what that returns later', async () => {
    const gate = new Gate();
    let isLate = false;
    const deaf = defineJob({
      type: 'deaf:job',
      input: z.null(),
      attempts: 1,
      timeoutMs: 50,
      run: async (_input, ctx) => {
        await gate.pass();
        ctx.progress(99, 'still here');
        ctx.log.info('late line');
        await expect(ctx.checkpoint({ at: 'late' })).rejects.toThrow();
        isLate = true;
        return 'too late';
      },
    });
    const next = defineJob({ type: 'deaf:next', input: z.null(), run: () => 'next' });
    const harness = await start([deaf, next]);
    await harness.startWorker({ concurrency: 1 });
    const { id } = await harness.enqueue(deaf, null);
    const { id: nextId } = await harness.enqueue(next, null);
    expect(await harness.ended(id)).toMatchObject({ status: 'failed', reason: 'timeout' });
    expect(await harness.ended(nextId)).toMatchObject({ output: 'next' }); // its slot is free again
    gate.open();
    await waitFor(() => isLate, { describe: 'the handler returns' });
    const lines = () => harness.engine.store.journal.logs(id, { fence: 0, seq: 0 }, 10);
    await waitFor(async () => (await lines()).length === 1, { describe: 'its late line is stored' });
    expect(await harness.job(id)).toMatchObject({
      status: 'failed',
      output: null,
      checkpoint: null,
      progressPercent: 0,
      progressMessage: null,
    });
  });

  it('leaves the next attempt alone when the timed-out handler of the last one returns', async () => {
    const gates = [new Gate(), new Gate()];
    const deaf = defineJob({
      type: 'deaf:job',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 3000 },
      run: async (_input, ctx) => {
        await gates[ctx.attempt - 1]?.pass();
        return `attempt ${ctx.attempt}`;
      },
    });
    const harness = await start([deaf]);
    await harness.startWorker();
    const { id } = await harness.enqueue(deaf, null, { timeoutMs: 500, attempts: 2 });
    await waitFor(() => gates[0]?.arrivals, { describe: 'the first attempt runs' });
    await harness.sql('update longshore.jobs set timeout_ms = 60000 where id = $1', [id]); // for the second
    await waitFor(() => gates[1]?.arrivals, { describe: 'the second attempt runs' });
    gates[0]?.open();
    await new Promise(setImmediate); // the first handler returns before the second
    gates[1]?.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'attempt 2', attempt: 2 });
    expect((await harness.attempts(id)).map((each) => each.outcome)).toEqual(['retrying']);
  });

  it('takes the timeout of the job before that of its definition', async () => {
    const slow = defineJob({
      type: 'slow:job',
      input: z.null(),
      attempts: 1,
      run: (_input, ctx) => new Gate().pass(ctx.signal),
    });
    const harness = await start([slow]);
    await harness.startWorker();
    const { id, timeoutMs } = await harness.enqueue(slow, null, { timeoutMs: 30 });
    expect(timeoutMs).toBe(30);
    expect(await harness.ended(id)).toMatchObject({
      reason: 'timeout',
      error: { message: expect.stringContaining('30 ms') },
    });
  });
});
