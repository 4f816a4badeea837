import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JobEvent } from '../../src/contract/job.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { isAfterEnd, streamEvents } from '../../src/engine/events.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { defineJob } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';
import { Gate } from './gate.ts';

const retry = (harness: Harness, id: string, edit?: { input?: unknown }) =>
  retryJob(harness.engine, everyone, id, edit);
const cancel = (harness: Harness, id: string) => cancelJob(harness.engine, everyone, id);

/** Reads a stream to its end. */
async function readEvents(harness: Harness, id: string, afterId = 0): Promise<JobEvent[]> {
  const stream = streamEvents(harness.engine, everyone, id, afterId, new AbortController().signal);
  const events: JobEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const typesOf = (events: readonly JobEvent[]) => events.map(({ type }) => type.slice('job.'.length));

/** Fails while its input says so. */
function defineMoody() {
  const seen: unknown[] = [];
  const moody = defineJob({
    type: 'moody:job',
    input: z.object({ isGood: z.boolean(), note: z.string().optional() }),
    attempts: 2,
    backoff: { type: 'fixed', delayMs: 10 },
    run: async (input, ctx) => {
      seen.push(input);
      const state = ctx.lastCheckpoint as { runs: number } | undefined;
      await ctx.checkpoint({ runs: (state?.runs ?? 0) + 1 });
      if (!input.isGood) throw new Error(`bad at attempt ${ctx.attempt}`);
      return { attempt: ctx.attempt, state };
    },
  });
  return { moody, seen };
}

describe.each<TransportName>(['postgres', 'bullmq'])('running a job again on the %s transport', (transport) => {
  const start = useHarnesses(transport);
  let receiver: WebhookReceiver;
  beforeEach(async () => {
    receiver = await startWebhookReceiver();
  });
  afterEach(() => receiver.stop());

  it('gives a failed job new attempts under its id, with a larger fence than all of its runs had', async () => {
    const { moody, seen } = defineMoody();
    const harness = await start([moody]);
    await harness.startWorker();
    const { id } = await harness.enqueue(moody, { isGood: false });
    const failed = await harness.ended(id);
    expect(failed).toMatchObject({
      status: 'failed',
      attempt: 2,
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    const queued = await retry(harness, id);
    expect(queued).toMatchObject({
      ...{ id, status: 'queued', attempt: 0, rescues: 0, reason: null, fingerprint: null, finishedAt: null },
      ...{
        startedAt: null,
        dispatchedAt: null,
        worker: null,
        progressPercent: 0,
        error: { message: 'bad at attempt 2' },
      },
    });
    expect(queued.fence).toBe(failed.fence + 1);
    const again = await harness.ended(id);
    expect(again).toMatchObject({ status: 'failed', attempt: 2, fingerprint: failed.fingerprint });
    expect(again.fence).toBeGreaterThan(queued.fence);
    expect(seen).toHaveLength(4);
    const fences = (await harness.attempts(id)).map(({ fence }) => fence);
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b));
    expect((await harness.attempts(id)).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      ...[
        [1, 'retrying'],
        [2, 'failed'],
      ],
      ...[
        [1, 'retrying'],
        [2, 'failed'],
      ],
    ]);
  });

  it('takes a new input, and keeps the checkpoint of the job', async () => {
    const { moody, seen } = defineMoody();
    const harness = await start([moody]);
    await harness.startWorker();
    const { id } = await harness.enqueue(moody, { isGood: false });
    await harness.ended(id);
    await retry(harness, id, { input: { isGood: true, note: 'mended' } });
    expect(await harness.ended(id)).toMatchObject({
      ...{ status: 'completed', input: { isGood: true, note: 'mended' } },
      output: { attempt: 1, state: { runs: 2 } },
    });
    expect(seen.at(-1)).toEqual({ isGood: true, note: 'mended' });
    if (transport === 'bullmq') {
      const delivery = await harness.queue('moody').getJob(`${id}.2`);
      expect(delivery?.data).toEqual({ isGood: true, note: 'mended' });
    }
  });

  it('refuses an input that does not fit, and changes nothing then', async () => {
    const { moody } = defineMoody();
    const harness = await start([moody]);
    await harness.startWorker();
    const { id } = await harness.enqueue(moody, { isGood: false });
    const failed = await harness.ended(id);
    await expect(retry(harness, id, { input: { isGood: 'yes' } })).rejects.toMatchObject({
      ...{ code: 'INVALID_FIELDS', errors: [{ path: 'input.isGood' }] },
    });
    await expect(retry(harness, id, { input: null })).rejects.toMatchObject({ code: 'INVALID_FIELDS' });
    expect(await harness.job(id)).toEqual(failed);
    await harness.sql(`update longshore.jobs set type = 'gone:job' where id = $1`, [id]);
    await expect(retry(harness, id, { input: {} })).rejects.toMatchObject({ code: 'UNKNOWN_TYPE' });
    expect((await retry(harness, id)).status).toBe('queued'); // it waits for a worker that knows the type
  });

  it('keeps a JSON null as the new input', async () => {
    const seen: unknown[] = [];
    const anything = defineJob({ type: 'any:job', input: z.unknown(), run: (input) => void seen.push(input) });
    const harness = await start([anything]);
    const { id } = await harness.enqueue(anything, 'first', { delayMs: 600_000 });
    await cancel(harness, id);
    await harness.startWorker();
    await retry(harness, id, { input: null });
    await harness.ended(id);
    expect(seen).toEqual([null]);
  });

  it('runs a job that was cancelled before it was due, and one that expired, at once', async () => {
    const { moody } = defineMoody();
    const harness = await start([moody]);
    const scheduled = await harness.enqueue(moody, { isGood: true }, { delayMs: 600_000 });
    const late = await harness.enqueue(moody, { isGood: true }, { ttlMs: 1 });
    await cancel(harness, scheduled.id);
    await harness.has(late.id, 'expired');
    await harness.startWorker();
    for (const { id } of [scheduled, late]) {
      expect(await retry(harness, id)).toMatchObject({ status: 'queued', expiresAt: null });
      expect(await harness.ended(id)).toMatchObject({ status: 'completed', attempt: 1 });
    }
  });

  it('never lets the late run of a cancelled job end its new life', async () => {
    const gates = [new Gate(), new Gate()];
    let runs = 0;
    const stubborn = defineJob({
      type: 'stubborn:job',
      input: z.null(),
      run: async () => {
        const run = runs;
        runs += 1;
        await gates[run]?.pass(); // pays no heed to its signal
        return `run ${run}`;
      },
    });
    const harness = await start([stubborn]);
    await harness.startWorker();
    const { id } = await harness.enqueue(stubborn, null);
    await waitFor(() => gates[0]?.arrivals, { describe: 'the first run' });
    await cancel(harness, id);
    await retry(harness, id);
    await waitFor(() => gates[1]?.arrivals, { describe: 'the second run' });
    gates[0]?.open();
    await harness.logged(id, 'a late result was discarded');
    expect((await harness.job(id)).status).toBe('processing');
    gates[1]?.open();
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'run 1' });
  });

  it('refuses to run a job again that has not ended, or completed, or does not exist', async () => {
    const { moody } = defineMoody();
    const harness = await start([moody]);
    const waiting = await harness.enqueue(moody, { isGood: true }, { delayMs: 600_000 });
    await expect(retry(harness, waiting.id)).rejects.toMatchObject({ code: 'JOB_NOT_RETRYABLE' });
    await expect(retry(harness, waiting.id)).rejects.toThrow('it is scheduled');
    await harness.startWorker();
    const done = await harness.enqueue(moody, { isGood: true });
    await harness.ended(done.id);
    await expect(retry(harness, done.id, { input: { isGood: true } })).rejects.toThrow('has completed');
    await expect(retry(harness, '01980000-0000-7000-8000-000000000001')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const stranger = { scope: { tenant: 'acme' }, actor: 'test' } as const;
    await expect(retryJob(harness.engine, stranger, done.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('lets exactly one of many retries at the same time win', async () => {
    const { moody, seen } = defineMoody();
    const harness = await start([moody]);
    const { id } = await harness.enqueue(moody, { isGood: true }, { delayMs: 600_000 });
    await cancel(harness, id);
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => retry(harness, id)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'JOB_NOT_RETRYABLE' });
    }
    await harness.startWorker();
    await harness.ended(id);
    expect(seen).toHaveLength(1);
  });

  it('leaves a job alone whose deduplication key another job holds, and of several takes one', async () => {
    const { moody } = defineMoody();
    const harness = await start([moody]);
    const jobs = [];
    for (let n = 0; n < 3; n += 1) {
      const job = await harness.enqueue(moody, { isGood: true }, { delayMs: 600_000, deduplicationKey: 'the one' });
      await cancel(harness, job.id);
      jobs.push(job);
    }
    const answers = await Promise.allSettled(jobs.map(({ id }) => retry(harness, id)));
    const winners = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.id] : []));
    expect(winners).toHaveLength(1);
    const loser = jobs.find(({ id }) => !winners.includes(id));
    await expect(retry(harness, loser?.id ?? '')).rejects.toMatchObject({ code: 'JOB_NOT_RETRYABLE' });
    await expect(retry(harness, loser?.id ?? '')).rejects.toThrow(
      `${winners[0]}, holds its deduplication key "the one"`,
    );
    const same = await harness.enqueue(moody, { isGood: true }, { deduplicationKey: 'the one' });
    expect(same.id).toBe(winners[0]); // it holds the key like any other job
    await cancel(harness, winners[0] ?? '');
    const together = await harness.engine.store.retries.retry(jobs.map(({ id }) => ({ id })));
    expect(together.map(({ id }) => id)).toEqual([jobs.at(-1)?.id]);
  });

  it('sends the webhook of the new end, with an id of its own', async () => {
    const { moody } = defineMoody();
    const harness = await start([moody]);
    await harness.startWorker();
    const webhook = { url: `${receiver.url}/end` };
    const { id } = await harness.enqueue(moody, { isGood: false }, { webhook });
    await receiver.waitForRequests('/end', 1); // two that are sent side by side may arrive in any order
    await retry(harness, id, { input: { isGood: true } });
    const requests = await receiver.waitForRequests('/end', 2);
    expect(requests.map(({ body }) => JSON.parse(body).type)).toEqual(['job.failed', 'job.completed']);
    expect(new Set(requests.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
  });

  it('tells the new life after the old end, to who was there before and to who comes later', async () => {
    const { moody } = defineMoody();
    const harness = await start([moody]);
    await harness.startWorker();
    const { id } = await harness.enqueue(moody, { isGood: false });
    const before = await readEvents(harness, id);
    expect(typesOf(before)).toEqual(['queued', 'started', 'retrying', 'started', 'failed']);
    const lastId = before.at(-1)?.id ?? 0;
    expect(isAfterEnd(await harness.job(id), lastId)).toBe(true);
    const queued = await retry(harness, id, { input: { isGood: true } });
    expect(isAfterEnd(queued, lastId)).toBe(false);
    const later = await readEvents(harness, id, lastId);
    expect(typesOf(later)).toEqual(['started', 'completed']);
    const all = await readEvents(harness, id);
    expect(typesOf(all)).toEqual(['queued', 'started', 'retrying', 'started', 'queued', 'started', 'completed']);
    expect(all[4]).toMatchObject({ id: lastId, data: { why: 'retried' } });
    expect(all.map((event) => event.id)).toEqual([...all.map((event) => event.id)].sort((a, b) => a - b));
  });
});
