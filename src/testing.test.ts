import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { NonRetryableError } from './define/errors.ts';
import { defineJob } from './define/job.ts';
import { checkQuery } from './define/named.ts';
import { definePipeline } from './define/pipeline.ts';
import { defineQuery } from './define/query.ts';
import { runJob } from './testing.ts';

const greet = defineJob({
  type: 'test:greet',
  input: z.object({ name: z.string().min(1), times: z.int().default(1) }),
  output: z.object({ text: z.string() }),
  attempts: 5,
  run: async (input, ctx) => {
    ctx.log.info('greeting', { name: input.name });
    ctx.log.debug('no fields');
    ctx.progress(-5);
    ctx.progress(150, 'done');
    await ctx.checkpoint({ at: new Date(0) });
    return { text: `hello ${input.name} ×${input.times}, attempt ${ctx.attempt} of ${ctx.job.maxAttempts}` };
  },
});

const returnAnything = (value: unknown) =>
  defineJob({ type: 'test:return', input: z.unknown(), run: () => value as never });

describe('runJob', () => {
  it('runs the handler on the parsed input and returns its output with all that it did', async () => {
    expect(await runJob(greet, { name: 'Ada' }, { attempt: 2 })).toEqual({
      output: { text: 'hello Ada ×1, attempt 2 of 5' },
      progress: [{ percent: 0 }, { percent: 100, message: 'done' }],
      logs: [
        { level: 'info', message: 'greeting', fields: { name: 'Ada' } },
        { level: 'debug', message: 'no fields' },
      ],
      checkpoints: [{ at: '1970-01-01T00:00:00.000Z' }],
      enqueued: [],
      files: [],
    });
  });

  it('gives the handler the job, signal and checkpoint that the test chose', async () => {
    const look = defineJob({
      type: 'test:look',
      input: z.null(),
      run: (_, ctx) => ({ job: ctx.job, aborted: ctx.signal.aborted, last: ctx.lastCheckpoint }),
    });
    const { output } = await runJob(look, null, {
      job: { id: 'fixed', tags: ['a'] },
      signal: AbortSignal.abort(),
      lastCheckpoint: { page: 3 },
    });
    expect(output).toMatchObject({
      job: { id: 'fixed', type: 'test:look', queue: 'test', tenant: 'default', tags: ['a'] },
      aborted: true,
      last: { page: 3 },
    });
  });

  it('keeps the files that the handler makes where a later run finds them', async () => {
    const draw = defineJob({
      type: 'test:draw',
      input: z.null(),
      run: async (_, { files }) => (await files.create('picture.svg', '<svg/>')).url,
    });
    const read = defineJob({
      type: 'test:read',
      input: z.string(),
      run: async (url, { files }) => readFileSync(await files.locate(url), 'utf8'),
    });
    const { output, files } = await runJob(draw, null);
    expect(files).toEqual([
      { key: expect.stringMatching(/-picture\.svg$/), url: output, bytes: 6, path: expect.stringContaining(tmpdir()) },
    ]);
    expect((await runJob(read, output)).output).toBe('<svg/>');
    const storageDir = mkdtempSync(join(tmpdir(), 'longshore-test-'));
    const chosen = await runJob(draw, null, { storageDir, job: { tenant: 'acme' } });
    expect(chosen.files[0]?.path).toContain(storageDir);
    rmSync(storageDir, { recursive: true });
  });

  it('refuses an invalid input with the path of every fault', async () => {
    const wrong = { name: '', times: 'x' } as unknown as { name: string };
    await expect(runJob(greet, wrong)).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [{ path: 'input.name' }, { path: 'input.times' }],
    });
  });

  it('refuses an input that would not survive the way to a worker', async () => {
    const dated = defineJob({ type: 'test:date', input: z.object({ at: z.date() }), run: () => null });
    await expect(runJob(dated, { at: new Date() })).rejects.toMatchObject({ errors: [{ path: 'input.at' }] });
    await expect(runJob(greet, { name: 'a\u0000' })).rejects.toThrow(/NUL/);
    await expect(runJob(returnAnything(1), undefined)).rejects.toThrow(/is required/);
    await expect(runJob(returnAnything(1), 1n)).rejects.toThrow(/not JSON/);
  });

  it('refuses an output that the schema or the record does not take', async () => {
    const wrong = defineJob({
      type: 'test:wrong',
      input: z.null(),
      output: z.object({ n: z.number() }),
      run: () => ({ n: 'x' }) as unknown as { n: number },
    });
    await expect(runJob(wrong, null)).rejects.toMatchObject({ errors: [{ path: 'output.n' }] });
    await expect(runJob(returnAnything(1n), null)).rejects.toThrow(/output is not valid.*not JSON/);
    await expect(runJob(returnAnything('x'.repeat(1024 * 1024)), null)).rejects.toThrow(/at most 1048576/);
  });

  it('returns the output as the record keeps it', async () => {
    expect((await runJob(returnAnything({ at: new Date(0), gone: undefined }), null)).output).toStrictEqual({
      at: '1970-01-01T00:00:00.000Z',
    });
    expect((await runJob(returnAnything(undefined), null)).output).toBeNull();
  });

  it('passes on what the handler throws', async () => {
    const fail = defineJob({
      type: 'test:fail',
      input: z.null(),
      run: () => {
        throw new NonRetryableError('no use');
      },
    });
    await expect(runJob(fail, null)).rejects.toThrow(NonRetryableError);
  });

  it('records children and answers for them', async () => {
    const parent = defineJob({
      type: 'test:parent',
      input: z.null(),
      run: async (_, ctx) => {
        const child = await ctx.enqueue(greet, { name: 'Bo' }, { priority: 5 });
        return (await child.waitUntilFinished()).text;
      },
    });
    const { output, enqueued } = await runJob(parent, null, { children: (child) => ({ text: `from ${child.type}` }) });
    expect(output).toBe('from test:greet');
    expect(enqueued).toEqual([
      { id: expect.any(String), type: 'test:greet', input: { name: 'Bo' }, options: { priority: 5 } },
    ]);
    await expect(runJob(parent, null)).rejects.toThrow(/waits for test:greet/);
  });

  it('runs a pipeline once, and answers its steps and events', async () => {
    const welcome = definePipeline({
      type: 'test:welcome',
      input: z.array(z.string()),
      run: async (names, { step }) => {
        await step.sleep(3_600_000);
        const approval = await step.waitForEvent('approval');
        const greetings = await step.map(greet, names, (name) => ({ name }), { concurrency: 2, attempts: 5 });
        const lenient = await step(greet, { name: 'nobody' }, { onFailure: 'continue' });
        return { approval, late: await step.waitForEvent('later'), texts: greetings.map(({ text }) => text), lenient };
      },
    });
    const children = ({ input }: { input: unknown }) => {
      const { name } = input as { name: string };
      if (name === 'nobody') throw new Error('who?');
      return { text: `Hi ${name}` };
    };
    const { output, enqueued } = await runJob(welcome, ['Bo', 'Al'], { children, events: { approval: 'yes' } });
    expect(output).toEqual({ approval: 'yes', late: null, texts: ['Hi Bo', 'Hi Al'] });
    expect(enqueued.map(({ input, options }) => [input, options])).toEqual([
      [{ name: 'Bo' }, { attempts: 5 }],
      [{ name: 'Al' }, { attempts: 5 }],
      [{ name: 'nobody' }, {}],
    ]);
    await expect(runJob(welcome, ['nobody'], { children })).rejects.toMatchObject({ step: 'test:greet#1[0]' });
    await expect(runJob(welcome, ['Bo'])).rejects.toThrow(/calls test:greet/);
  });

  it('refuses what the job itself finds wrong, in a step too, among the definitions that the test gives', async () => {
    const report = defineJob({
      type: 'test:report',
      input: z.object({ query: z.string(), parameters: z.unknown().default({}) }),
      checkInput: checkQuery,
      run: ({ query }) => `of ${query}`,
    });
    const known = { queries: [defineQuery({ name: 'orders', sql: 'select 1' })] };
    expect((await runJob(report, { query: 'orders' }, { known })).output).toBe('of orders');
    await expect(runJob(report, { query: 'other' }, { known })).rejects.toMatchObject({
      code: 'INVALID_FIELDS',
      errors: [{ path: 'input.query', message: 'there is no query "other"; there are: orders' }],
    });
    await expect(runJob(report, { query: 'orders' })).rejects.toThrow('there are none');
    const reports = definePipeline({
      type: 'test:reports',
      input: z.array(z.string()),
      run: (names, { step }) => step.map(report, names, (query) => ({ query })),
    });
    const children = () => 'made';
    expect((await runJob(reports, ['orders'], { known, children })).output).toEqual(['made']);
    await expect(runJob(reports, ['orders', 'other'], { known, children })).rejects.toThrow(
      /input\[1\]\.query: there is no query "other"/,
    );
  });

  it('says which service is missing', async () => {
    const store = defineJob({ type: 'test:store', input: z.null(), run: (_, ctx) => ctx.services.storageDir });
    await expect(runJob(store, null)).rejects.toThrow(/ctx\.services\.storageDir/);
    expect((await runJob(store, null, { services: { storageDir: '/data' } })).output).toBe('/data');
  });
});
