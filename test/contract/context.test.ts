import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob, type JobContext, type JobDefinition } from '../../src/index.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

declare module '../../src/define/services.ts' {
  interface Services {
    greeter?: { greet(name: string): string };
  }
}

const fast = { type: 'fixed', delayMs: 20 } as const;

function define(run: (ctx: JobContext) => unknown): JobDefinition<null, unknown> {
  return defineJob({ type: 'talk:job', input: z.null(), backoff: fast, run: (_input, ctx) => run(ctx) });
}

async function linesOf(harness: Harness, id: string) {
  const lines = await harness.engine.store.journal.logs(id, { fence: 0, seq: 0 }, 1000);
  return lines.map(({ level, message, fields, attempt }) => ({ level, message, fields, attempt }));
}

describe.each<TransportName>(['postgres', 'bullmq'])('the context of a run on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('tells the handler about its job, and gives it the services of the program and of its user', async () => {
    let seen: Record<string, unknown> = {};
    const job = define((ctx) => {
      seen = { ...ctx.job, attempt: ctx.attempt, last: ctx.lastCheckpoint, services: Object.keys(ctx.services) };
      return ctx.services.greeter?.greet('you');
    });
    const harness = await start([job], { services: { greeter: { greet: (name) => `hello ${name}` } } });
    await harness.startWorker();
    const options = { tags: ['a', 'b'], metadata: { order: 7 }, tenant: 'acme', attempts: 9 };
    const { id, createdAt } = await harness.enqueue(job, null, options);
    expect(await harness.ended(id)).toMatchObject({ output: 'hello you' });
    expect(seen).toMatchObject({
      id,
      type: 'talk:job',
      queue: 'talk',
      tenant: 'acme',
      maxAttempts: 9,
      tags: ['a', 'b'],
      metadata: { order: 7 },
      createdAt,
      attempt: 1,
      last: undefined,
      services: expect.arrayContaining(['greeter', 'fetch', 'storageDir', 'fileRoots']),
    });
  });

  it('makes files that later jobs find, and that a repeated attempt replaces', async () => {
    const maker = define(async ({ attempt, files }) => {
      const file = await files.create('note.txt', `by attempt ${attempt}`);
      if (attempt === 1) throw new Error('again');
      return file;
    });
    const reader = defineJob({
      type: 'talk:reader',
      input: z.string(),
      run: async (url, { files }) => readFile(await files.locate(url), 'utf8'),
    });
    const harness = await start([maker, reader], { settings: { PUBLIC_URL: 'https://jobs.example.com' } });
    await harness.startWorker();
    const { id } = await harness.enqueue(maker, null);
    const key = `${id}-note.txt`;
    const file = { key, url: `https://jobs.example.com/v1/files/${key}`, bytes: 12 };
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: file });
    expect((await harness.ended((await harness.enqueue(reader, file.url)).id)).output).toBe('by attempt 2');
    const { id: foreign } = await harness.enqueue(reader, file.url, { tenant: 'acme' });
    expect(await harness.ended(foreign)).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
  });

  it('clamps progress and always stores the last one before the end', async () => {
    const job = define((ctx) => {
      ctx.progress(-20, 'below');
      ctx.progress(250, 'above');
      if (ctx.attempt === 1) throw new Error('again');
      ctx.progress(40);
      ctx.progress(60.5, 'nearly');
      throw new Error('over');
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null, { attempts: 2 });
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      progressPercent: 60.5,
      progressMessage: 'nearly',
      progressSeq: 1, // five reports, one write: that of the end
    });
  });

  it('writes progress once however often it is reported in between', async () => {
    const gate = new Gate();
    const job = define(async (ctx) => {
      for (let percent = 0; percent < 500; percent += 1) ctx.progress(percent / 5, `step ${percent}`);
      await gate.pass();
      for (let percent = 0; percent < 500; percent += 1) ctx.progress(percent / 10, `again ${percent}`);
      throw new Error('over');
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null, { attempts: 1 });
    const stored = async () => (await harness.job(id)).progressSeq > 0;
    await waitFor(stored, { describe: 'progress is stored while the handler runs' });
    expect(await harness.job(id)).toMatchObject({ progressSeq: 1, progressMessage: 'step 499' });
    gate.open();
    expect(await harness.ended(id)).toMatchObject({ progressSeq: 2, progressMessage: 'again 499' });
  });

  it('fails a run that reports progress which is no number', async () => {
    const job = define((ctx) => ctx.progress(Number.NaN));
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null, { attempts: 1 });
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      error: { name: 'TypeError', message: 'progress takes a number, not NaN' },
    });
  });

  it('stores log lines in their order, with level, fields and attempt', async () => {
    const job = define((ctx) => {
      ctx.log.debug('first');
      ctx.log.info('second', { n: 2, deep: { ok: true } });
      if (ctx.attempt === 1) throw new Error('again');
      ctx.log.warn('third');
      ctx.log.error('fourth', { error: new RangeError('inner') });
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    await harness.ended(id);
    expect(await linesOf(harness, id)).toEqual([
      { level: 'debug', message: 'first', fields: null, attempt: 1 },
      { level: 'info', message: 'second', fields: { n: 2, deep: { ok: true } }, attempt: 1 },
      { level: 'debug', message: 'first', fields: null, attempt: 2 },
      { level: 'info', message: 'second', fields: { n: 2, deep: { ok: true } }, attempt: 2 },
      { level: 'warn', message: 'third', fields: null, attempt: 2 },
      {
        level: 'error',
        message: 'fourth',
        fields: { error: expect.objectContaining({ name: 'RangeError', message: 'inner' }) },
        attempt: 2,
      },
    ]);
    const logged = harness.lines(id).find((line) => line.message === 'fourth');
    expect(logged).toMatchObject({ type: 'talk:job', queue: 'talk', attempt: 2, error: { stack: expect.any(String) } });
  });

  it('shows text that PostgreSQL cannot store with U+FFFD, and loses nothing else', async () => {
    const bad = 'nul \0 and half \ud83d';
    const shown = 'nul \uFFFD and half \uFFFD';
    const job = define((ctx) => {
      ctx.log.info(bad);
      ctx.log.info(`${'x'.repeat(7999)}\u{1f600} cut in the middle of a pair`);
      ctx.log.info('with fields', { bad });
      ctx.progress(5, bad);
      throw Object.assign(new Error(bad), { name: bad, code: bad });
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null, { attempts: 1 });
    expect(await harness.ended(id)).toMatchObject({
      status: 'failed',
      progressMessage: shown,
      error: { name: shown, message: shown, code: shown, stack: expect.stringContaining(shown) },
    });
    const lines = await linesOf(harness, id);
    expect(lines.map((line) => line.message)).toEqual([shown, expect.stringMatching(/^x{7999}/), 'with fields']);
    expect(lines[2]?.fields).toEqual({ omitted: expect.stringContaining('NUL (U+0000)') });
  });

  it('lets no log line fail the job, whatever its fields are', async () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const hostile = {
      toJSON() {
        throw new Error('no');
      },
    };
    const job = define((ctx) => {
      ctx.log.info('bigint', { n: 10n });
      ctx.log.info('circular', circular);
      ctx.log.info('hostile', { hostile });
      ctx.log.info('large', { text: 'x'.repeat(20_000) });
      ctx.log.info('100%s done', { n: 1 });
      return 'fine';
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null, { attempts: 1 });
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 'fine' });
    const lines = await linesOf(harness, id);
    expect(lines.map((line) => line.message)).toEqual(['bigint', 'circular', 'hostile', 'large', '100%s done']);
    for (const line of lines.slice(0, 4))
      expect(line.fields).toEqual({ omitted: expect.stringContaining('the fields') });
    expect(lines[4]?.fields).toEqual({ n: 1 });
    expect(harness.lines(id).map((line) => line.message)).toEqual(
      expect.arrayContaining(['bigint', 'circular', 'hostile', 'large', '100%s done']),
    );
  });

  it('keeps a checkpoint across attempts, and refuses what is not JSON', async () => {
    const job = define(async (ctx) => {
      const done = (ctx.lastCheckpoint as { done: number } | undefined)?.done ?? 0;
      await expect(ctx.checkpoint({ big: 10n })).rejects.toThrow('the checkpoint is not JSON');
      await ctx.checkpoint({ done: done + 1 });
      if (ctx.attempt < 3) throw new Error('again');
      return done;
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 2, checkpoint: { done: 3 } });
  });

  it('refuses the checkpoint of a run that is no longer the newest', async () => {
    const gate = new Gate();
    const refused = Promise.withResolvers<unknown>();
    const job = define(async (ctx) => {
      await gate.pass();
      await ctx.checkpoint('stale').catch(refused.resolve);
      return 'stale';
    });
    const harness = await start([job]);
    await harness.startWorker({ heartbeatMs: 600_000 });
    const { id } = await harness.enqueue(job, null);
    await waitFor(() => gate.arrivals === 1, { describe: 'the handler runs' });
    await harness.sql(`update longshore.jobs set fence = fence + 1 where id = $1`, [id]);
    gate.open();
    expect(String(await refused.promise)).toContain('no longer the newest');
    await harness.logged(id, 'a late result was discarded');
    expect(await harness.job(id)).toMatchObject({ status: 'processing', checkpoint: null, output: null });
  });
});
