import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob, setQueuePaused } from '../../src/engine/control.ts';
import { findWaitingFor } from '../../src/engine/waiting-for.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('why a job does not run, on the %s transport', (transport) => {
  const start = useHarnesses(transport);
  const ask = async (harness: Harness, id: string) => findWaitingFor(harness.engine, await harness.job(id));
  const asks = (harness: Harness, id: string, reason: string) =>
    waitFor(async () => ((await ask(harness, id))?.reason === reason ? ask(harness, id) : undefined), {
      describe: `it waits for ${reason}`,
    });

  function defineBlocked(more: object = {}) {
    const gate = new Gate();
    const job = defineJob({
      type: 'some:job',
      input: z.null(),
      concurrency: 1,
      ...more,
      run: (_input, ctx) => gate.pass(ctx.signal),
    });
    return { gate, job };
  }

  it('a worker, its queue, its turn; and nothing once it runs or has ended', async () => {
    const { gate, job } = defineBlocked();
    const harness = await start([job]);
    const first = await harness.enqueue(job, null);
    expect(await ask(harness, first.id)).toEqual({ reason: 'no_worker', position: null, etaMs: null });
    await setQueuePaused(harness.engine, everyone, 'some', true);
    expect(await ask(harness, first.id)).toEqual({ reason: 'queue_paused', position: null, etaMs: null });
    await setQueuePaused(harness.engine, everyone, 'some', false);
    await harness.startWorker();
    await harness.has(first.id, 'processing');
    expect(await ask(harness, first.id)).toBeNull();
    const [second, third] = [await harness.enqueue(job, null), await harness.enqueue(job, null)];
    expect(await ask(harness, second.id)).toMatchObject({ reason: 'backlog', position: 0 });
    expect(await ask(harness, third.id)).toMatchObject({ reason: 'backlog', position: 1 });
    gate.open();
    await harness.ended(third.id);
    expect(await ask(harness, third.id)).toBeNull();
  });

  it('its turn among tenants, with an estimate from what has just ended', async () => {
    const { gate, job } = defineBlocked();
    const harness = await start([job], { settings: { DISPATCH_WINDOW: '1' } });
    await harness.startWorker();
    const first = await harness.enqueue(job, null);
    await harness.has(first.id, 'processing');
    await harness.sql(
      `insert into longshore.jobs (id, tenant, type, queue, status, input, max_attempts, timeout_ms)
       select uuidv7(), 'many', 'some:job', 'some', 'queued', 'null', 3, 60000 from generate_series(1, 12000)`,
    );
    const late = await harness.enqueue(job, null, { tenant: 'late' });
    const own = await ask(harness, late.id);
    expect(own?.reason).toBe('backlog');
    expect(own?.position).toBeLessThanOrEqual(2);
    const [last] = await harness.sql<{ id: string }>(
      `select id from longshore.jobs where tenant = 'many' order by id desc limit 1`,
    );
    expect(await ask(harness, last?.id ?? '')).toMatchObject({ reason: 'backlog', position: 10_000, etaMs: null });
    await harness.sql(
      `insert into longshore.jobs (id, tenant, type, queue, status, input, output, max_attempts, timeout_ms, started_at, finished_at, worker)
       select uuidv7(), 'many', 'some:job', 'some', 'completed', 'null', 'null', 3, 60000, now(), now() - interval '10 seconds', 'w'
       from generate_series(1, 100)`,
    );
    const eta = (await ask(harness, last?.id ?? ''))?.etaMs ?? 0; // 10 a second, or a little less: time goes on
    expect(eta).toBeGreaterThanOrEqual(990_000);
    gate.open();
    await cancelJob(harness.engine, everyone, late.id).catch(() => undefined); // it may have run
  });

  it('its time, also before another attempt', async () => {
    const { job } = defineBlocked();
    const harness = await start([job]);
    const { id, runAt } = await harness.enqueue(job, null, { delayMs: 60_000 });
    const waiting = await ask(harness, id);
    expect(waiting).toMatchObject({ reason: 'delay', position: null });
    expect(Math.abs(Date.parse(waiting?.until ?? '') - runAt.getTime())).toBeLessThan(5);
    expect(waiting?.etaMs).toBeLessThanOrEqual(60_000);
  });

  it('its steps', async () => {
    const pipeline = definePipeline({
      type: 'some:pipeline',
      input: z.null(),
      run: async (_input, { step }) => step.sleep(600_000),
    });
    const harness = await start([pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null);
    await harness.has(id, 'waiting');
    expect(await ask(harness, id)).toEqual({ reason: 'steps', position: null, etaMs: null });
  });

  it('others of its key, or of its tenant', async () => {
    const { gate, job } = defineBlocked({ concurrency: 10 });
    const harness = await start([job]);
    await harness.startWorker();
    const enqueue = () => harness.enqueue(job, null, { concurrencyKey: 'k' });
    const jobs = [await enqueue(), await enqueue(), await enqueue()];
    await harness.has(jobs[0]?.id ?? '', 'processing');
    expect(await ask(harness, jobs[2]?.id ?? '')).toMatchObject({ reason: 'concurrency_key', position: 1 });
    await harness.sql(`insert into longshore.tenants (name, max_running) values ('small', 0)`);
    harness.engine.signals.publish('limits', ['small']);
    await waitFor(() => harness.engine.limits.isRunningLimited('small'), { describe: 'the limit is known' });
    await harness.enqueue(job, null, { tenant: 'small' });
    const { id } = await harness.enqueue(job, null, { tenant: 'small' });
    expect(await ask(harness, id)).toMatchObject({ reason: 'tenant_limit', position: 1 });
    gate.open();
  });

  it('the rate limit of its queue, or of its key', async () => {
    const rateLimit = { max: 1, durationMs: 3_600_000 };
    const perQueue = defineJob({ type: 'queue:job', input: z.null(), rateLimit, run: () => null });
    const perKey = defineJob({ type: 'key:job', input: z.null(), rateLimitPerKey: rateLimit, run: () => null });
    const harness = await start([perQueue, perKey]);
    await harness.startWorker();
    const options = { concurrencyKey: 'k' };
    const [first, second] = [
      await harness.enqueue(perKey, null, options),
      await harness.enqueue(perKey, null, options),
    ];
    const before = await harness.enqueue(perQueue, null);
    await Promise.all([harness.ended(first.id), harness.ended(before.id)]);
    const { id } = await harness.enqueue(perQueue, null);
    for (const waiting of [await asks(harness, second.id, 'rate_limit'), await asks(harness, id, 'rate_limit')]) {
      expect(waiting).toMatchObject({ reason: 'rate_limit', position: 0 });
      expect(Date.parse(waiting?.until ?? '')).toBeGreaterThan(Date.now() + 3_000_000);
    }
  });
});
