import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { defineJob } from '../../src/index.ts';
import { everyone, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const add = defineJob({
  type: 'math:add',
  input: z.object({ a: z.number(), b: z.number() }),
  output: z.number(),
  run: ({ a, b }) => a + b,
});

describe.each<TransportName>(['postgres', 'bullmq'])('a job that enqueues another on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('waits for its child and gets what that returned', async () => {
    const parent = defineJob({
      type: 'parent:job',
      input: z.null(),
      run: async (_input, ctx) => {
        const child = await ctx.enqueue(add, { a: 2, b: 3 }, { tags: ['child'], priority: 5 });
        const sum: number = await child.waitUntilFinished();
        return { sum, child: child.id };
      },
    });
    const harness = await start([add, parent]);
    await harness.startWorker();
    const { id } = await harness.enqueue(parent, null, { tenant: 'acme' });
    const { output } = await harness.ended(id);
    expect(output).toMatchObject({ sum: 5 });
    expect(await harness.job((output as { child: string }).child)).toMatchObject({
      type: 'math:add',
      parentId: id,
      tenant: 'acme',
      tags: ['child'],
      priority: 5,
    });
  });

  it('gets a failed child as an error that says why', async () => {
    const broken = defineJob({
      type: 'broken:job',
      input: z.null(),
      attempts: 1,
      run: () => {
        throw new Error('out of cheese');
      },
    });
    const parent = defineJob({
      type: 'parent:job',
      input: z.null(),
      attempts: 1,
      run: async (_input, ctx) => (await ctx.enqueue(broken, null)).waitUntilFinished(),
    });
    const harness = await start([broken, parent]);
    await harness.startWorker();
    const { id } = await harness.enqueue(parent, null);
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      error: { message: expect.stringMatching(/^job [0-9a-f-]+ \(broken:job\) ended as failed: out of cheese$/) },
    });
  });

  it('gets a cancelled child as an error too', async () => {
    const gate = new Gate();
    const idle = defineJob({ type: 'idle:job', input: z.null(), run: (_input, ctx) => gate.pass(ctx.signal) });
    const parent = defineJob({
      type: 'parent:job',
      input: z.null(),
      attempts: 1,
      run: async (_input, ctx) => (await ctx.enqueue(idle, null)).waitUntilFinished(),
    });
    const harness = await start([idle, parent]);
    await harness.startWorker();
    const { id } = await harness.enqueue(parent, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the child runs' });
    const { rows } = await harness.engine.store.jobs.list('all', { parentId: id }, 10, null);
    const [child] = rows;
    await cancelJob(harness.engine, everyone, child?.id ?? '');
    expect(await harness.ended(id)).toMatchObject({
      error: { message: expect.stringContaining('ended as cancelled') },
    });
  });

  it('stops waiting when it is aborted itself, and leaves its child alone', async () => {
    const gate = new Gate();
    const idle = defineJob({ type: 'idle:job', input: z.null(), run: () => gate.pass() });
    const stopped = Promise.withResolvers<unknown>();
    const parent = defineJob({
      type: 'parent:job',
      input: z.null(),
      run: async (_input, ctx) => {
        const child = await ctx.enqueue(idle, null);
        await child.waitUntilFinished().catch(stopped.resolve);
        await expect(ctx.enqueue(idle, null)).rejects.toThrow('aborted');
        await expect(ctx.checkpoint(1)).rejects.toThrow('aborted');
      },
    });
    const harness = await start([idle, parent]);
    await harness.startWorker();
    const { id } = await harness.enqueue(parent, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the child runs' });
    await cancelJob(harness.engine, everyone, id);
    expect(String(await stopped.promise)).toContain('the run was aborted: cancelled');
    const { rows: children } = await harness.engine.store.jobs.list('all', { parentId: id }, 10, null);
    expect(children.map((child) => child.status)).toEqual(['processing']);
    gate.open();
    expect(await harness.ended(children[0]?.id ?? '')).toMatchObject({ status: 'completed' });
  });

  it('is refused a child whose input or type is not valid', async () => {
    const unknown = defineJob({ type: 'unknown:job', input: z.null(), run: () => null });
    const parent = defineJob({
      type: 'parent:job',
      input: z.null(),
      run: async (_input, ctx) => {
        const codeOf = (error: { code?: string }) => error.code;
        const bad = { a: 'x' } as unknown as { a: number; b: number };
        return [await ctx.enqueue(add, bad).catch(codeOf), await ctx.enqueue(unknown, null).catch(codeOf)];
      },
    });
    const harness = await start([add, parent]);
    await harness.startWorker();
    const { id } = await harness.enqueue(parent, null);
    expect(await harness.ended(id)).toMatchObject({ output: ['INVALID_FIELDS', 'UNKNOWN_TYPE'] });
    expect(await harness.engine.store.jobs.list('all', { parentId: id }, 10, null)).toMatchObject({ rows: [] });
  });
});
