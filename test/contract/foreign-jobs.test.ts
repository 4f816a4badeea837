import type { Job, JobsOptions, JobType } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cancelJob } from '../../src/engine/control.ts';
import { defineJob, NonRetryableError } from '../../src/index.ts';
import type { JobRow } from '../../src/store/job-row.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const hello = defineJob({
  type: 'greet:hello',
  input: z.object({ name: z.string().trim() }),
  run: ({ name }) => `hello ${name}`,
});

/** What another program does: `queue.add(...)` with the bullmq package. */
async function add(harness: Harness, name: string, data: unknown, options: JobsOptions = {}): Promise<Job> {
  return harness.queue('greet').add(name, data, options);
}

/** Waits until the record has the job that came as this delivery, and its end. */
async function recorded(harness: Harness, job: Job): Promise<JobRow> {
  const find = () =>
    harness.sql<{ id: string }>(`select id from longshore.jobs where metadata ->> 'bullmqJobId' = $1`, [job.id]);
  await waitFor(async () => (await find()).length > 0, { describe: `the record has ${job.id}` });
  const rows = await find();
  expect(rows).toHaveLength(1);
  return harness.ended(rows[0]?.id ?? '');
}

function becomes(harness: Harness, queue: string, id: string, state: JobType | 'unknown'): Promise<boolean> {
  const holds = async () => (await harness.queue(queue).getJobState(id)) === state;
  return waitFor(holds, { describe: `BullMQ has ${id} as ${state}` });
}

describe('a job that another BullMQ producer adds', () => {
  const start = useHarnesses('bullmq');

  it('is recorded, validated and run like any other', async () => {
    const harness = await start([hello]);
    await harness.startWorker();
    const job = await add(harness, 'greet:hello', { name: ' Ada ' });
    expect(await recorded(harness, job)).toMatchObject({
      type: 'greet:hello',
      queue: 'greet',
      tenant: 'default',
      status: 'completed',
      input: { name: ' Ada ' },
      output: 'hello Ada',
      attempt: 1,
      maxAttempts: 3,
      parentId: null,
      foreignId: job.id,
    });
    await becomes(harness, 'greet', job.id ?? '', 'completed');
    expect((await harness.queue('greet').getJob(job.id ?? ''))?.returnvalue).toBe('hello Ada');
  });

  it('may have an id of its own, a delay, a priority and a number of attempts', async () => {
    const flaky = defineJob({
      type: 'greet:flaky',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 10 },
      run: (_input, ctx) => {
        throw new Error(`no ${ctx.attempt}`);
      },
    });
    const harness = await start([hello, flaky]);
    await harness.startWorker();
    const own = await add(harness, 'greet:hello', { name: 'x' }, { jobId: 'order.42/ü', delay: 50, priority: 7 });
    expect(await recorded(harness, own)).toMatchObject({ status: 'completed', priority: -7 });
    const uuid = await add(harness, 'greet:hello', { name: 'y' }, { jobId: '01980000-0000-7000-8000-000000000001' });
    const row = await recorded(harness, uuid);
    expect(row.status).toBe('completed');
    expect(row.id).not.toBe(uuid.id);
    const often = await add(harness, 'greet:flaky', null, { attempts: 5 });
    expect(await recorded(harness, often)).toMatchObject({ status: 'failed', attempt: 5, error: { message: 'no 5' } });
    const odd = await add(harness, 'greet:flaky', null, { attempts: 2.5 });
    expect(await recorded(harness, odd)).toMatchObject({ status: 'failed', attempt: 2 });
  });

  it('fails as unknown_type when no job has its name', async () => {
    const harness = await start([hello]);
    await harness.startWorker();
    for (const name of ['nobody', 'greet:hello\0', `${'x'.repeat(199)}\u{1f600}`]) {
      const job = await add(harness, name, { name: 'Ada' }, { attempts: 5 });
      expect(await recorded(harness, job)).toMatchObject({
        status: 'failed',
        reason: 'unknown_type',
        attempt: 1,
        error: { name: 'UnknownTypeError', message: expect.stringContaining('no job type is called') },
      });
      await becomes(harness, 'greet', job.id ?? '', 'failed');
    }
  });

  it('fails as invalid_input when its data is not valid, and says where', async () => {
    const harness = await start([hello]);
    await harness.startWorker();
    const job = await add(harness, 'greet:hello', { name: 7 }, { attempts: 5 });
    expect(await recorded(harness, job)).toMatchObject({
      status: 'failed',
      reason: 'invalid_input',
      attempt: 1,
      input: { name: 7 },
      error: { message: expect.stringContaining('input.name: ') },
    });
    await becomes(harness, 'greet', job.id ?? '', 'failed');
    expect((await harness.queue('greet').getJob(job.id ?? ''))?.failedReason).toContain('input.name: ');
  });

  it('fails as invalid_input when the job itself finds its data wrong', async () => {
    const picky = defineJob({
      type: 'greet:picky',
      input: z.object({ name: z.string() }),
      checkInput: ({ name }) => (name === 'Ada' ? [] : [{ path: 'name', message: `${name} is nobody` }]),
      run: ({ name }) => `hello ${name}`,
    });
    const harness = await start([picky]);
    await harness.startWorker();
    const known = await recorded(harness, await add(harness, 'greet:picky', { name: 'Ada' }));
    expect(known).toMatchObject({ status: 'completed', output: 'hello Ada' });
    const job = await add(harness, 'greet:picky', { name: 'Bo' }, { attempts: 5 });
    expect(await recorded(harness, job)).toMatchObject({
      ...{ status: 'failed', reason: 'invalid_input', attempt: 1, input: { name: 'Bo' } },
      error: { message: 'input.name: Bo is nobody' },
    });
    await becomes(harness, 'greet', job.id ?? '', 'failed');
  });

  it('fails as invalid_input, and can be seen, when the record cannot hold its data', async () => {
    const any = defineJob({ type: 'greet:any', input: z.unknown(), run: () => 'ran' });
    const harness = await start([any], { settings: { MAX_BODY_BYTES: '20000' } });
    await harness.startWorker();
    let deep: unknown = 0;
    for (let depth = 0; depth < 3000; depth += 1) deep = [deep];
    const cases: [data: unknown, input: unknown, message: string][] = [
      [{ a: ['x\0y'], 'k\0': 1 }, { a: ['x\uFFFDy'], 'k\uFFFD': 1 }, 'must not contain NUL (U+0000)'],
      [{ half: '\ud83d' }, { half: '\uFFFD' }, 'must not contain half of a surrogate pair'],
      ['x'.repeat(30_000), null, 'is 30002 bytes of JSON; at most 20000 are allowed'],
      [deep, null, 'Maximum call stack size exceeded'],
    ];
    for (const [data, input, message] of cases) {
      const row = await recorded(harness, await add(harness, 'greet:any', data));
      expect(row).toMatchObject({ status: 'failed', reason: 'invalid_input', attempt: 1 });
      expect(row.input).toEqual(input);
      expect(row.error?.message).toContain(message);
    }
    const nothing = await recorded(harness, await add(harness, 'greet:any', undefined));
    expect(nothing.output).toBe('ran');
  });

  it('is recorded and run once when the same delivery comes twice', async () => {
    const gate = new Gate();
    const slow = defineJob({ type: 'greet:slow', input: z.null(), run: () => gate.pass().then(() => 'passed') });
    const harness = await start([slow], { settings: { STALLED_INTERVAL_MS: '100' } });
    await harness.startWorker();
    const job = await add(harness, 'greet:slow', null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the first delivery runs' });
    await harness.redis.del(`${harness.prefix}:greet:${job.id}:lock`); // as if the worker were gone
    await becomes(harness, 'greet', job.id ?? '', 'unknown'); // the second was refused
    gate.open();
    expect(await recorded(harness, job)).toMatchObject({ status: 'completed', output: 'passed', rescues: 0 });
    expect(gate.arrivals).toBe(1);
    const again = await add(harness, 'greet:slow', null);
    expect((await recorded(harness, again)).id).not.toBe((await recorded(harness, job)).id);
  });

  it('can be cancelled while it runs', async () => {
    const gate = new Gate();
    const slow = defineJob({ type: 'greet:slow', input: z.null(), run: (_input, ctx) => gate.pass(ctx.signal) });
    const harness = await start([slow]);
    await harness.startWorker();
    const job = await add(harness, 'greet:slow', null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
    const { rows } = await harness.engine.store.jobs.list('all', { status: ['processing'] }, 10, null);
    const [row] = rows;
    await cancelJob(harness.engine, everyone, row?.id ?? '');
    expect(await recorded(harness, job)).toMatchObject({ status: 'cancelled' });
    await becomes(harness, 'greet', job.id ?? '', 'unknown'); // BullMQ forgets what was discarded
  });
});

describe('the sets of BullMQ', () => {
  const start = useHarnesses('bullmq');
  const own = defineJob({
    type: 'own:job',
    input: z.enum(['good', 'final', 'flaky', 'waits']),
    attempts: 2,
    run: (kind, ctx) => {
      if (kind === 'final') throw new NonRetryableError('never');
      if (kind !== 'good' && ctx.attempt === 1) throw new Error('again');
      return kind;
    },
  });

  it('agree with the record after a success, a failure, and while a job waits for its next attempt', async () => {
    const harness = await start([own]);
    await harness.startWorker();
    const fast = { backoff: { type: 'fixed', delayMs: 10 } } as const;
    const good = await harness.enqueue(own, 'good');
    const final = await harness.enqueue(own, 'final');
    const flaky = await harness.enqueue(own, 'flaky', fast);
    const waits = await harness.enqueue(own, 'waits', { backoff: { type: 'fixed', delayMs: 600_000 } });
    await Promise.all([good, final, flaky].map(({ id }) => harness.ended(id)));
    const { runAt } = await harness.has(waits.id, 'retrying');
    await becomes(harness, 'own', good.id, 'completed');
    await becomes(harness, 'own', final.id, 'failed');
    await becomes(harness, 'own', flaky.id, 'completed');
    await becomes(harness, 'own', waits.id, 'delayed');
    const delivery = await harness.queue('own').getJob(waits.id);
    const wakesAt = Number(delivery?.processedOn) + Number(delivery?.delay);
    expect(Math.abs(wakesAt - runAt.getTime())).toBeLessThan(60_000); // of ten minutes
    expect(await harness.queue('own').getJobCounts()).toMatchObject({ completed: 2, failed: 1, delayed: 1, active: 0 });
  });

  it('show a job as any BullMQ user expects it', async () => {
    const harness = await start([own]);
    const { id, createdAt } = await harness.enqueue(own, 'good', { priority: -3 });
    await harness.engine.dispatcher.settled();
    const job = await harness.queue('own').getJob(id);
    expect(job).toMatchObject({ id, name: 'own:job', data: 'good', priority: 3, timestamp: createdAt.getTime() });
    expect(await job?.getState()).toBe('prioritized');
  });

  it('drop a delivery that is taken after its job has ended', async () => {
    const harness = await start([own]);
    const { id } = await harness.enqueue(own, 'good');
    await harness.engine.dispatcher.settled();
    const text = `update longshore.jobs set status = 'cancelled', finished_at = now() where id = $1`;
    await harness.sql(text, [id]); // a cancel whose removal from BullMQ failed
    const worker = await harness.startWorker();
    await becomes(harness, 'own', id, 'unknown');
    expect(await harness.job(id)).toMatchObject({ status: 'cancelled', attempt: 0, startedAt: null });
    await waitFor(() => worker.getStats().ended.discarded === 1, { describe: 'the delivery is counted' });
  });
});
