import { Worker } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { deliveryIdOf } from '../../src/queue/bullmq-jobs.ts';
import type { WorkerService } from '../../src/worker/worker-service.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const LEASE_MS = 6000; // far more than the pauses of a busy machine
const settings = { LOCK_DURATION_MS: String(LEASE_MS), STALLED_INTERVAL_MS: '100' };
const silent = { heartbeatMs: 600_000, concurrency: 1, shutdownTimeoutMs: 1 };

describe.each<TransportName>(['postgres', 'bullmq'])('a lost worker on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  const silence = (harness: Harness, worker: WorkerService) =>
    harness.sql(`update longshore.workers set heartbeat_at = now() - interval '1 hour' where id = $1`, [worker.id]);

  /** What others see of a worker that is gone or blocked: no heartbeat, no lock. The worker itself does not notice. */
  async function lose(harness: Harness, worker: WorkerService, queue: string, id: string): Promise<void> {
    const delivery = deliveryIdOf(await harness.job(id)); // the rescue may make the next one at once
    await silence(harness, worker);
    if (transport === 'bullmq') expect(await harness.redis.del(`${harness.prefix}:${queue}:${delivery}:lock`)).toBe(1);
  }

  it('does not keep its job: that runs elsewhere, and what the lost one returns is refused', async () => {
    const gate = new Gate();
    let runs = 0;
    const job = defineJob({
      type: 'lost:job',
      input: z.null(),
      attempts: 1,
      run: async (_input, ctx) => {
        runs += 1;
        if (runs > 1) return { last: ctx.lastCheckpoint, attempt: ctx.attempt };
        await ctx.checkpoint('half done');
        await gate.pass();
        return 'from the dead';
      },
    });
    const harness = await start([job], { settings });
    const lost = await harness.startWorker(silent);
    const { id } = await harness.enqueue(job, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
    await lose(harness, lost, 'lost', id);
    const other = await start([job], { beside: harness, settings });
    const rescuer = await other.startWorker({ heartbeatMs: 200 });
    expect(await harness.ended(id)).toMatchObject({
      status: 'completed',
      output: { last: 'half done', attempt: 1 },
      attempt: 1,
      rescues: 1,
      worker: rescuer.id,
    });
    gate.open();
    await harness.logged(id, 'a late result was discarded');
    expect(await harness.job(id)).toMatchObject({ output: { last: 'half done' }, worker: rescuer.id });
    const attempts = await harness.attempts(id);
    expect(attempts.map(({ attempt, outcome, worker }) => [attempt, outcome, worker])).toEqual([
      [1, 'worker_lost', lost.id],
    ]);
  });

  it('fails a job that has lost three of them', async () => {
    const gate = new Gate();
    const job = defineJob({ type: 'killer:job', input: z.null(), run: () => gate.pass() });
    const harness = await start([job], { settings });
    const { id } = await harness.enqueue(job, null);
    for (const loss of [1, 2, 3]) {
      const worker = await harness.startWorker(silent);
      await waitFor(() => gate.arrivals === loss, { describe: `run ${loss}` });
      await lose(harness, worker, 'killer', id);
    }
    await harness.startWorker({ heartbeatMs: 200 });
    const ended = await harness.ended(id);
    gate.open();
    expect(ended).toMatchObject({
      status: 'failed',
      reason: 'worker_lost',
      rescues: 3,
      error: { name: 'WorkerLostError', message: 'the worker that ran this job was lost 3 times' },
    });
    expect(gate.arrivals).toBe(3);
    const outcomes = (await harness.attempts(id)).map((each) => each.outcome);
    expect(outcomes).toEqual(['worker_lost', 'worker_lost', 'worker_lost', 'failed']);
  });

  it('learns by its next heartbeat that its run was superseded, and aborts it', async () => {
    const gate = new Gate();
    const why = Promise.withResolvers<unknown>();
    let runs = 0;
    const job = defineJob({
      type: 'lost:job',
      input: z.null(),
      run: async (_input, ctx) => {
        runs += 1;
        if (runs > 1) return gate.pass();
        ctx.signal.addEventListener('abort', () => why.resolve(ctx.signal.reason));
        await new Gate().pass(ctx.signal);
      },
    });
    const harness = await start([job], { settings });
    const { id } = await harness.enqueue(job, null);
    const first = await harness.startWorker({ ...silent, heartbeatMs: 1000 });
    await waitFor(() => runs === 1, { describe: 'the job runs' });
    const second = await harness.startWorker({ concurrency: 1, heartbeatMs: 200 });
    await lose(harness, first, 'lost', id);
    const isElsewhere = async () => gate.arrivals === 1 || !(await silence(harness, first)); // its heart may beat meanwhile
    await waitFor(isElsewhere, { describe: 'the job runs elsewhere' });
    expect(String(await why.promise)).toContain('superseded');
    expect(await harness.job(id)).toMatchObject({ status: 'processing', worker: second.id });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', attempt: 1, rescues: 1 });
  });

  it('is not taken for one while its heart beats, however long its job takes', async () => {
    const gate = new Gate();
    const job = defineJob({ type: 'long:job', input: z.null(), run: () => gate.pass() });
    const harness = await start([job], { settings });
    const worker = await harness.startWorker({ heartbeatMs: 100 });
    const { id } = await harness.enqueue(job, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
    const { startedAt } = await harness.job(id);
    const isLonger = async () => {
      const text = `select 1 from longshore.jobs where id = $1 and started_at < now() - $2 * interval '1 millisecond'`;
      return (await harness.sql(text, [id, LEASE_MS + 500])).length > 0;
    };
    await waitFor(isLonger, { describe: 'the run is longer than the lease' });
    expect(await harness.job(id)).toMatchObject({ status: 'processing', startedAt, rescues: 0, worker: worker.id });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', rescues: 0 });
    expect(gate.arrivals).toBe(1);
  });

  it('is no reason to abort the next run of a job when the heartbeat finds its last one ended', async () => {
    const gates = [new Gate(), new Gate()];
    let isAborted = false;
    const job = defineJob({
      type: 'quick:job',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 0 },
      run: async (_input, ctx) => {
        await gates[ctx.attempt - 1]?.pass();
        if (ctx.attempt === 1) throw new Error('again');
        isAborted ||= ctx.signal.aborted;
      },
    });
    const harness = await start([job]);
    const asked = Promise.withResolvers<void>();
    const { jobs } = harness.engine.store;
    const { findOpenRuns } = jobs;
    // The heartbeat's question is answered late: its run has failed by then, and the next one is under way.
    jobs.findOpenRuns = async (runs) => {
      gates[0]?.open();
      await waitFor(() => gates[1]?.arrivals, { describe: 'the second run' });
      const open = await findOpenRuns(runs);
      asked.resolve();
      return open;
    };
    await harness.startWorker({ heartbeatMs: 50 });
    const { id } = await harness.enqueue(job, null);
    await asked.promise;
    await new Promise(setImmediate); // the heartbeat acts on the answer
    gates[1]?.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', attempt: 2 });
    expect(isAborted).toBe(false);
    expect((await harness.attempts(id)).map((each) => each.outcome)).toEqual(['retrying']);
  });
});

describe('a worker whose lease is longer than that of the others', () => {
  const start = useHarnesses('postgres');

  it('is judged by its own', async () => {
    const gate = new Gate();
    const job = defineJob({ type: 'patient:job', input: z.null(), run: () => gate.pass() });
    const harness = await start([job], { settings });
    await harness.startWorker({ ...silent, leaseMs: 60_000 });
    await harness.startWorker({ ...silent, leaseMs: 2000, queues: ['http'] });
    const { id } = await harness.enqueue(job, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
    const hasShortEnded = async () => {
      const queues = await harness.engine.store.overview.queues('all');
      return queues.every((queue) => queue.name !== 'http' || queue.workers === 1); // only the patient one serves it
    };
    await waitFor(hasShortEnded, { describe: 'the short lease has ended' });
    expect(await harness.job(id)).toMatchObject({ status: 'processing', rescues: 0 });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', attempt: 1 });
  });
});

describe('a BullMQ worker that dies before it could record anything', () => {
  const start = useHarnesses('bullmq');

  it('costs its job nothing but time', async () => {
    const job = defineJob({ type: 'lost:job', input: z.null(), attempts: 1, run: () => 'ran' });
    const harness = await start([job], { settings });
    const taken = Promise.withResolvers<void>();
    const hang = async () => {
      taken.resolve();
      await new Gate().pass();
    };
    const connection = harness.redis.duplicate({ maxRetriesPerRequest: null });
    const options = { connection, prefix: harness.prefix, lockDuration: 1000, skipStalledCheck: true };
    const dying = new Worker('lost', hang, options);
    dying.on('error', () => undefined); // it dies
    const { id } = await harness.enqueue(job, null);
    await taken.promise;
    await dying.close(true);
    connection.disconnect();
    await harness.startWorker();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'ran', attempt: 1, rescues: 0 });
    expect(await harness.attempts(id)).toEqual([]);
  });
});

describe('a BullMQ worker whose lock ran out, as in an outage of Redis', () => {
  const start = useHarnesses('bullmq');

  it.each(['another worker', 'the same worker'])(
    'keeps its run while it lives, also when BullMQ offers it to %s',
    async (to) => {
      const gate = new Gate();
      const job = defineJob({ type: 'lost:job', input: z.null(), attempts: 1, run: () => gate.pass() });
      const harness = await start([job], { settings });
      const worker = await harness.startWorker({ concurrency: 2, heartbeatMs: 200 });
      const { id } = await harness.enqueue(job, null);
      await waitFor(() => gate.arrivals === 1, { describe: 'the job runs' });
      if (to === 'another worker') await harness.startWorker({ concurrency: 2, heartbeatMs: 200 });
      await harness.redis.del(`${harness.prefix}:lost:${id}:lock`);
      await waitFor(async () => !(await harness.queue('lost').getJob(id)), {
        describe: 'the second offer was refused',
      });
      gate.open();
      expect(await harness.ended(id)).toMatchObject({ status: 'completed', attempt: 1, rescues: 0, worker: worker.id });
      expect(gate.arrivals).toBe(1);
      expect(await harness.attempts(id)).toEqual([]);
    },
  );
});

describe('a worker whose program is busy with long queries', () => {
  const start = useHarnesses('postgres');

  it('says that it lives all the same, and so does the leader', async () => {
    const harness = await start([], { settings: { DATABASE_POOL_SIZE: '2', LEADER_LEASE_MS: '1000' } });
    const worker = await harness.startWorker({ heartbeatMs: 50 });
    const { database } = harness.engine.store;
    const observer = await database.connect();
    const signs = async () => {
      const { rows } = await observer.query(
        `select heartbeat_at::text || expires_at::text as sign
         from longshore.workers, longshore.leases
         where id = $1 and name = 'maintenance' and expires_at > now()`,
        [worker.id],
      );
      return rows[0]?.sign as string | undefined;
    };
    await database.transaction(() =>
      database.transaction(async () => {
        const seen = new Set<string | undefined>();
        const isAlive = async () => seen.add(await signs()).size > 10;
        await waitFor(isAlive, { describe: 'signs of life while no connection is free' });
      }),
    );
    await observer.end();
  });
});
