import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { CheckInput } from '../../src/define/check-input.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { enqueueBulk } from '../../src/engine/enqueue-bulk.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { checkQuery, defineJob, definePipeline } from '../../src/index.ts';
import { everyone, useHarnesses } from '../support/harness.ts';

type Report = { query: string; parameters: unknown };

const define = (checkInput: CheckInput<Report>, more: object = {}) =>
  defineJob({
    type: 'report:make',
    input: z.object({ query: z.string(), parameters: z.unknown().default({}) }),
    backoff: { type: 'fixed', delayMs: 0 },
    checkInput,
    run: ({ query }) => `of ${query}`,
    ...more,
  });
const report = define(checkQuery);
const unchecked = define(() => []);

const MESSAGE = 'there is no query "none"; there are: jobs, records';
const refusal = { code: 'INVALID_FIELDS', errors: [{ path: 'input.query', message: MESSAGE }] };

describe.each<TransportName>(['postgres', 'bullmq'])(
  'an input that its job checks, on the %s transport',
  (transport) => {
    const start = useHarnesses(transport);

    it('is refused before anything is recorded, alone, among others, and for a retry', async () => {
      const harness = await start([report]);
      await expect(harness.enqueue(report, { query: 'none' })).rejects.toMatchObject(refusal);
      const status = { query: 'jobs', parameters: { status: 'lost' } };
      await expect(harness.enqueue(report, status)).rejects.toMatchObject({
        errors: [{ path: expect.stringMatching(/^input\.parameters\.status/) }],
      });
      expect(await harness.engine.store.jobs.list('all', {}, 10, null)).toMatchObject({ rows: [] });

      const request = (query: string) =>
        ({ ok: true, value: { type: report.type, input: { query }, options: {} } }) as const;
      const seed = '0190a5c0-0000-7000-8000-000000000000';
      const bulk = await enqueueBulk(harness.engine, everyone, seed, [request('none'), request('jobs')]);
      expect(bulk).toMatchObject({ accepted: 1, rejected: [{ index: 0, errors: refusal.errors }] });

      const { id } = await harness.enqueue(report, { query: 'jobs' });
      await harness.sql(`update longshore.jobs set status = 'cancelled', finished_at = now() where id = $1`, [id]);
      await expect(retryJob(harness.engine, everyone, id, { input: { query: 'none' } })).rejects.toMatchObject(refusal);
      expect(await harness.job(id)).toMatchObject({ status: 'cancelled', input: { query: 'jobs' } });
      const edit = { input: { query: 'records', parameters: { collection: 'things' } } };
      expect(await retryJob(harness.engine, everyone, id, edit)).toMatchObject({ id, status: 'queued', ...edit });
    });

    it('is refused where a handler enqueues it, and where a pipeline calls it', async () => {
      const parent = defineJob({
        type: 'parent:job',
        input: z.null(),
        attempts: 1,
        run: (_, ctx) => ctx.enqueue(report, { query: 'none' }),
      });
      const reports = definePipeline({
        type: 'reports:make',
        input: z.array(z.string()),
        run: (names, { step }) => step.map(report, names, (query) => ({ query })),
      });
      const harness = await start([report, parent, reports]);
      await harness.startWorker();
      const child = await harness.ended((await harness.enqueue(parent, null)).id);
      expect(child).toMatchObject({ status: 'failed', error: { message: expect.stringContaining(MESSAGE) } });
      const called = await harness.ended((await harness.enqueue(reports, ['jobs', 'none'])).id);
      expect(called).toMatchObject({
        ...{ status: 'failed', reason: 'non_retryable', attempt: 1 },
        error: { message: `step "report:make#1": input[1].query: ${MESSAGE}` },
      });
      expect(await harness.engine.store.jobs.list('all', { type: 'report:make' }, 10, null)).toMatchObject({
        rows: [],
      });
    });

    it('fails at once where the worker finds it wrong, although it was accepted', async () => {
      const older = await start([unchecked]);
      const newer = await start([report], { beside: older });
      await newer.startWorker();
      const { id } = await older.enqueue(unchecked, { query: 'none' });
      expect(await older.ended(id)).toMatchObject({
        ...{ status: 'failed', reason: 'invalid_input', attempt: 1 },
        error: { name: 'InvalidInputError', message: `input.query: ${MESSAGE}` },
      });
    });

    it('is tried again where the check itself fails', async () => {
      let calls = 0;
      const broken = define(() => {
        calls += 1;
        throw new Error(`broken ${calls}`);
      });
      const good = await start([unchecked]);
      const bad = await start([broken], { beside: good });
      await bad.startWorker();
      const { id } = await good.enqueue(unchecked, { query: 'jobs' }, { attempts: 2 });
      expect(await good.ended(id)).toMatchObject({
        ...{ status: 'failed', reason: 'attempts_exhausted', attempt: 2 },
        error: { message: 'broken 2' },
      });
    });

    it('is given up after timeoutMs where the check does not end, and its slot is free', async () => {
      const endless = define(({ query }) => (query === 'jobs' ? new Promise(() => undefined) : []));
      const good = await start([unchecked]);
      const bad = await start([endless], { beside: good });
      await bad.startWorker({ concurrency: 1 });
      const { id } = await good.enqueue(unchecked, { query: 'jobs' }, { attempts: 1, timeoutMs: 50 });
      expect(await good.ended(id)).toMatchObject({ status: 'failed', reason: 'timeout' });
      const next = await good.enqueue(unchecked, { query: 'records' });
      expect(await good.ended(next.id)).toMatchObject({ status: 'completed', output: 'of records' });
    });
  },
);
