import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JobEvent } from '../../src/contract/job.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { streamEvents } from '../../src/engine/events.ts';
import { defineJob } from '../../src/index.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

/** Reads a stream to its end; the test times out when it does not end. */
async function read(harness: Harness, id: string, afterId = 0, into: JobEvent[] = []): Promise<JobEvent[]> {
  const stream = streamEvents(harness.engine, everyone, id, afterId, new AbortController().signal);
  for await (const event of stream) into.push(event);
  return into;
}

const typesOf = (events: readonly JobEvent[]) => events.map((event) => event.type.slice('job.'.length));
const idsOf = (events: readonly JobEvent[]) => events.map((event) => event.id);

function expectGrowing(events: readonly JobEvent[]): void {
  expect(idsOf(events)).toEqual([...new Set(idsOf(events))].sort((a, b) => a - b));
}

describe.each<TransportName>(['postgres', 'bullmq'])('the events of a job on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('come in order with growing ids, live and afterwards, and after each id comes exactly the rest', async () => {
    const gates = [new Gate(), new Gate()];
    const job = defineJob({
      type: 'told:job',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 20 },
      run: async (_input, ctx) => {
        ctx.log.info(`attempt ${ctx.attempt}`, { n: ctx.attempt });
        ctx.progress(25 * ctx.attempt, 'on the way');
        await gates[ctx.attempt - 1]?.pass();
        if (ctx.attempt === 1) throw new Error('again');
        ctx.log.warn('nearly done');
        return 'done';
      },
    });
    const harness = await start([job]);
    const reader = await start([job], { beside: harness }); // what an API process sees
    const { id } = await harness.enqueue(job, null, { delayMs: 50 });
    const live: JobEvent[] = [];
    const reading = read(reader, id, 0, live);
    await harness.startWorker();
    for (const [index, gate] of gates.entries()) {
      const isTold = () => typesOf(live).filter((type) => type === 'progress').length === index + 1;
      await waitFor(isTold, { describe: `progress of attempt ${index + 1}` });
      gate.open();
    }
    await reading;
    expect(typesOf(live)).toEqual([
      ...['queued', 'started', 'log', 'progress', 'retrying'],
      ...['started', 'log', 'progress', 'log', 'completed'],
    ]);
    expectGrowing(live);
    expect(live.at(2)?.data).toMatchObject({ level: 'info', message: 'attempt 1', fields: { n: 1 }, attempt: 1 });
    expect(live.at(3)?.data).toMatchObject({ percent: 25, message: 'on the way' });
    expect(live.at(4)?.data).toMatchObject({ attempt: 1, error: { message: 'again' } });
    expect(live.at(-1)?.data).toMatchObject({ status: 'completed', output: 'done', attempt: 2 });

    // Of progress only the newest is kept, so the replay lacks that of the first attempt.
    const replay = await read(harness, id);
    expect(idsOf(replay)).toEqual(idsOf(live).toSpliced(3, 1));
    for (const [index, event] of replay.entries()) {
      expect(await read(reader, id, event.id)).toEqual(replay.slice(index + 1));
    }
  });

  it('end with how the job ended, also when it never started', async () => {
    const job = defineJob({
      type: 'told:job',
      input: z.null(),
      attempts: 1,
      run: () => {
        throw new Error('no');
      },
    });
    const harness = await start([job]);
    const cancelled = await harness.enqueue(job, null, { delayMs: 600_000 });
    const expired = await harness.enqueue(job, null, { ttlMs: 1 });
    const reading = read(harness, cancelled.id);
    await cancelJob(harness.engine, everyone, cancelled.id);
    expect(typesOf(await reading)).toEqual(['queued', 'cancelled']);
    expect(typesOf(await read(harness, expired.id))).toEqual(['queued', 'expired']);
    await harness.startWorker();
    const failed = await harness.enqueue(job, null);
    const events = await read(harness, failed.id);
    expect(typesOf(events)).toEqual(['queued', 'started', 'failed']);
    expect(events.at(-1)?.data).toMatchObject({ reason: 'attempts_exhausted', error: { message: 'no' } });
    await expect(read(harness, '01980000-0000-7000-8000-000000000001')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('stop when the reader goes away', async () => {
    const job = defineJob({ type: 'told:job', input: z.null(), run: () => null });
    const harness = await start([job]);
    const { id } = await harness.enqueue(job, null, { delayMs: 600_000 });
    const abort = new AbortController();
    const seen: string[] = [];
    for await (const event of streamEvents(harness.engine, everyone, id, 0, abort.signal)) {
      seen.push(event.type);
      abort.abort();
    }
    expect(seen).toEqual(['job.queued']);
  });

  it('hold every one of more than a thousand lines and of more than a thousand runs', async () => {
    const job = defineJob({
      type: 'wordy:job',
      input: z.null(),
      run: (_input, ctx) => {
        for (let n = 0; n < 2500; n += 1) ctx.log.info(`line ${n}`);
      },
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    const { fence } = await harness.ended(id);
    // As if the job had snoozed 1,500 times before.
    await harness.sql(
      `insert into longshore.job_attempts (job_id, fence, attempt, outcome, worker, started_at)
       select $1, $2::bigint + n, 1, 'put_back', 'w', now() from generate_series(1, 1500) n`,
      [id, fence],
    );
    await harness.sql(`update longshore.jobs set fence = $2::bigint + 1501, progress_seq = 0 where id = $1`, [
      id,
      fence,
    ]);
    const events = await read(harness, id);
    expectGrowing(events);
    const lines = events.filter((event) => event.type === 'job.log').map((event) => event.data as { message: string });
    expect(lines.map((line) => line.message)).toEqual(Array.from({ length: 2500 }, (_, n) => `line ${n}`));
    expect(events.filter((event) => event.type === 'job.queued')).toHaveLength(1501);
    expect(events.filter((event) => event.type === 'job.started')).toHaveLength(1501);
    expect(events.at(-1)?.type).toBe('job.completed');
  });

  /** Attempt 1 writes a line at each of its two gates and fails; attempt 2 writes one and waits at the third. */
  async function startTalker(gates: readonly Gate[]) {
    const job = defineJob({
      type: 'talker:job',
      input: z.null(),
      backoff: { type: 'fixed', delayMs: 0 },
      run: async (_input, ctx) => {
        ctx.log.info(`first of ${ctx.attempt}`);
        await gates[ctx.attempt === 1 ? 0 : 1]?.pass();
        ctx.log.info(`second of ${ctx.attempt}`);
        if (ctx.attempt === 1) throw new Error('again');
      },
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    const stored = (message: string) =>
      waitFor(
        async () => {
          const lines = await harness.sql('select 1 from longshore.job_logs where job_id = $1 and message = $2', [
            id,
            message,
          ]);
          return lines.length > 0;
        },
        { describe: `the line "${message}" is stored` },
      );
    await stored('first of 1');
    return { harness, id, stored };
  }

  const whole = ['queued', 'started', 'log', 'log', 'retrying', 'started', 'log', 'log', 'completed'];

  it('are all told when the job goes on between the look at it and the look at its lines', async () => {
    const gates = [new Gate(), new Gate()];
    const { harness, id, stored } = await startTalker(gates);
    const { journal } = harness.engine.store;
    const { logs } = journal;
    let isFirst = true;
    journal.logs = async (...args) => {
      if (isFirst) {
        isFirst = false;
        gates[0]?.open();
        await stored('first of 2');
        gates[1]?.open();
      }
      return logs(...args);
    };
    expect(typesOf(await read(harness, id))).toEqual(whole);
  });

  it('are all told when an attempt ends between the look at its lines and the look at it', async () => {
    const gates = [new Gate(), new Gate()];
    const { harness, id, stored } = await startTalker(gates);
    const { journal } = harness.engine.store;
    const { runs } = journal;
    let isFirst = true;
    journal.runs = async (...args) => {
      if (isFirst) {
        isFirst = false;
        gates[0]?.open();
        await stored('first of 2');
        gates[1]?.open();
      }
      return runs(...args);
    };
    expect(typesOf(await read(harness, id))).toEqual(whole);
  });
});
