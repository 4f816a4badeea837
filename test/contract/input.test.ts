import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('an input on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('reaches the handler as its schema makes it, and stays in the record as it was sent', async () => {
    let seen: unknown;
    const job = defineJob({
      type: 'typed:job',
      input: z.object({ when: z.coerce.date(), name: z.string().trim(), limit: z.int().default(10) }),
      run: (input) => {
        seen = input;
      },
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, { when: '2026-01-02T03:04:05Z', name: '  Ada ', extra: 1 } as never);
    const { input, status } = await harness.ended(id);
    expect(status).toBe('completed');
    expect(seen).toEqual({ when: new Date('2026-01-02T03:04:05Z'), name: 'Ada', limit: 10 });
    expect(input).toEqual({ when: '2026-01-02T03:04:05Z', name: '  Ada ', extra: 1 });
  });

  it('that is not valid is refused with every fault, and nothing is recorded', async () => {
    const job = defineJob({
      type: 'typed:job',
      input: z.object({ a: z.int(), deep: z.object({ list: z.array(z.string()) }) }),
      run: () => null,
    });
    const harness = await start([job]);
    const refused = harness.enqueue(job, { a: 1.5, deep: { list: ['x', 2] } } as never);
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [
        { path: 'input.a', message: expect.any(String) },
        { path: 'input.deep.list.1', message: expect.any(String) },
      ],
    });
    const any = { a: 1, deep: { list: ['nul \0'] } };
    await expect(harness.enqueue(job, any)).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [{ path: 'input.deep.list.0', message: expect.stringContaining('NUL (U+0000)') }],
    });
    expect(await harness.engine.store.jobs.list('all', {}, 10, null)).toMatchObject({ rows: [] });
  });

  it('that a newer version of the job no longer takes fails with the paths of its faults', async () => {
    const before = defineJob({ type: 'changing:job', input: z.object({ to: z.string() }), run: () => 'old' });
    const after = defineJob({
      type: 'changing:job',
      input: z.object({ to: z.array(z.string()), subject: z.string() }),
      run: () => 'new',
    });
    const harness = await start([before]);
    const newer = await start([after], { beside: harness });
    await newer.startWorker();
    const { id } = await harness.enqueue(before, { to: 'ada' });
    const job = await harness.ended(id);
    expect(job).toMatchObject({ status: 'failed', reason: 'invalid_input', attempt: 1, input: { to: 'ada' } });
    expect(job.error).toMatchObject({ name: 'InvalidInputError', message: expect.stringContaining('input.to: ') });
    expect(job.error?.message).toContain('input.subject: ');
    expect((await harness.attempts(id)).map((each) => each.outcome)).toEqual(['failed']);
  });

  it('of every kind of JSON arrives unchanged', async () => {
    const seen: unknown[] = [];
    const job = defineJob({ type: 'any:job', input: z.unknown(), run: (input) => void seen.push(input) });
    const harness = await start([job]);
    await harness.startWorker({ concurrency: 1 });
    const inputs = [null, false, 0, -1.5e300, '', 'ü \u{1f600} \\u0000', [], {}, { a: { b: [1, null, 'x'] } }];
    for (const input of inputs) await harness.ended((await harness.enqueue(job, input)).id);
    expect(seen).toEqual(inputs);
  });

  it('waits for a worker that knows its type when the one that serves its queue does not', async () => {
    const known = defineJob({ type: 'shared:known', queue: 'shared', input: z.null(), run: () => 'known' });
    const novel = defineJob({ type: 'shared:novel', queue: 'shared', input: z.null(), run: () => 'novel' });
    const older = await start([known]);
    const newer = await start([known, novel], { beside: older });
    const ignorant = await older.startWorker();
    const { id } = await newer.enqueue(novel, null);
    await older.ended((await newer.enqueue(known, null)).id); // it has seen both
    if (transport === 'bullmq') {
      expect(await older.has(id, 'scheduled')).toMatchObject({ attempt: 0 });
      await older.logged(id, 'this worker has no job type "shared:novel"');
    } else {
      expect(await older.job(id)).toMatchObject({ status: 'queued', attempt: 0, startedAt: null });
    }
    await ignorant.stop(); // on BullMQ it would take every other delivery
    await newer.startWorker();
    expect(await newer.ended(id)).toMatchObject({ status: 'completed', output: 'novel', attempt: 1 });
    const outcomes = (await newer.attempts(id)).map((each) => each.outcome);
    expect(outcomes).toEqual(transport === 'bullmq' ? ['put_back'] : []);
  });
});
