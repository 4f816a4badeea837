import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BulkAnswer } from '../../src/contract/bulk.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem, StatsResource } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { Installation, type Program } from '../support/program.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MAX_BODY_BYTES = 16_384;
const JSON_TYPE = { 'content-type': 'application/json' };

const echo = (input: unknown, options?: object) => ({ type: 'test:echo', input, ...(options ? { options } : {}) });

describe.each<TransportName>(['postgres', 'bullmq'])('bulk requests, on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    const settings = { MAX_BODY_BYTES: String(MAX_BODY_BYTES), OUTBOUND_ALLOW: 'none', QUEUE_CONCURRENCY: '50' };
    installation = await Installation.create({ transport, settings });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  const post = <Body = BulkAnswer>(json: unknown) => program.call<Body>('/v1/jobs/bulk', { json });
  const countJobs = async () => {
    const { counts } = (await program.call<StatsResource>('/v1/stats')).body;
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  };
  /** What POST /v1/jobs says of the same job. */
  const faultsOf = async (json: unknown) => (await program.call<Problem>('/v1/jobs', { json })).body.errors;

  it('accepts 1,000 jobs and runs them all, with ids in the order of the request', async () => {
    const jobs = Array.from({ length: 1000 }, (_, n) => echo(n, { tags: ['thousand'] }));
    const { status, body } = await post({ jobs });
    expect(status).toBe(200);
    expect(body).toEqual({ accepted: 1000, rejected: [], ids: expect.any(Array), deduplicated: [] });
    expect(new Set(body.ids).size).toBe(1000);
    expect([...body.ids].sort()).toEqual(body.ids);
    for (const id of body.ids) expect(id).toMatch(UUID_V7);
    const ended = await Promise.all([0, 1, 500, 998, 999].map((n) => program.jobEnded(body.ids[n] ?? '')));
    expect(ended.map(({ output }) => output)).toEqual([0, 1, 500, 998, 999]);
    const { body: list } = await program.call<Page<JobResource>>('/v1/jobs?limit=2');
    expect(list.items.map(({ id }) => id)).toEqual([body.ids[999], body.ids[998]]);
  });

  it('checks each job by itself, tells all faults of each, and commits the good ones', async () => {
    const bad = [
      {
        type: 'test:typed',
        input: { name: '', count: 99, items: [{ price: 'x' }] },
        options: { delayMs: -1 },
        more: 1,
      },
      echo(1, { queue: 'nobody', metadata: { a: '\0' }, tags: ['\0'], deduplicationKey: '\0' }),
      echo(1, { webhook: { url: 'http://127.0.0.1/' } }),
      { type: 'test:nope', input: 1 },
      { type: 'test:echo' },
      { input: 1 },
      'text',
    ];
    const before = await countJobs();
    const { status, body } = await post({ jobs: [echo('first'), ...bad, echo('last', { delayMs: 60_000 })] });
    expect(status).toBe(200);
    expect(body.accepted).toBe(2);
    expect(body.rejected).toEqual(
      await Promise.all(bad.map(async (job, n) => ({ index: n + 1, errors: await faultsOf(job) }))),
    );
    expect(body.rejected[0]?.errors.map(({ path }) => path).sort()).toEqual(
      ['options.delayMs', 'more', 'input.name', 'input.count', 'input.items.0.price'].sort(),
    );
    expect(await countJobs()).toBe(before + 2);
    expect(await program.job(body.ids[0] ?? '')).toMatchObject({ input: 'first' });
    expect(await program.job(body.ids[1] ?? '')).toMatchObject({ input: 'last', status: 'scheduled' });
  });

  it('refuses a single job that could not be kept unchanged, and only that', async () => {
    const odd = [
      ['{"__proto__":1}', 'input'],
      ['1e999', 'input'],
      [`${'['.repeat(7000)}${']'.repeat(7000)}`, 'input.0.0.0.0.0.0.0.0.0'],
    ];
    const text = `{"jobs":[${[...odd.map(([input]) => input), '"fine"']
      .map((input) => `{"type":"test:echo","input":${input}}`)
      .join()}]}`;
    const headers = { ...JSON_TYPE, 'idempotency-key': 'odd-jobs' };
    const { status, body } = await program.call<BulkAnswer>('/v1/jobs/bulk', { method: 'POST', text, headers });
    expect(status).toBe(200);
    expect(body.rejected.map(({ index, errors }) => [index, errors[0]?.path])).toEqual(
      odd.map(([, path], index) => [index, path]),
    );
    expect(body.accepted).toBe(1);
    expect((await program.jobEnded(body.ids[0] ?? '')).output).toBe('fine');
  });

  it('may be 16 times as large as other requests, but no job in it', async () => {
    const large = 'x'.repeat(MAX_BODY_BYTES - 1000);
    const tooLarge = 'x'.repeat(MAX_BODY_BYTES);
    const jobs = [
      ...Array.from({ length: 12 }, () => echo(large)),
      echo(tooLarge),
      echo(1, { metadata: { tooLarge } }),
    ];
    const { body } = await post({ jobs });
    expect(body.accepted).toBe(12);
    expect(body.rejected.map(({ index, errors }) => [index, errors.map(({ path }) => path)])).toEqual([
      [12, ['input']],
      [13, ['options.metadata']],
    ]);
    const whole = await post<Problem>({ jobs: Array.from({ length: 18 }, () => echo(large)) });
    expect(whole).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } });
  });

  it.each([
    ['no jobs', { jobs: [] }, ['jobs']],
    ['1,001 jobs', { jobs: Array(1001).fill(echo(1)) }, ['jobs']],
    ['something else', { jobs: [echo(1)], more: 1 }, ['more']],
    ['no list', {}, ['jobs']],
    ['a list by itself', [echo(1)], ['']],
  ])('refuses a request with %s as a whole', async (_what, json, paths) => {
    const before = await countJobs();
    const { status, body } = await post<Problem>(json);
    expect(status).toBe(422);
    expect(body.errors?.map(({ path }) => path)).toEqual(paths);
    expect(await countJobs()).toBe(before);
  });

  it('answers 415 to lines of JSON that are compressed', async () => {
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
    const { status, body } = await program.call<Problem>('/v1/jobs/bulk', {
      text: `${JSON.stringify(echo(1))}\n`,
      headers,
    });
    expect(status).toBe(415);
    expect(body.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  it('names the job from before for a deduplication key that is taken', async () => {
    const { id } = await program.enqueue('test:echo', 1, { deduplicationKey: 'one', delayMs: 60_000 });
    const again = await program.enqueue('test:echo', 2, { deduplicationKey: 'one' });
    expect(again).toMatchObject({ id, input: 1, deduplicated: true, deduplicationKey: 'one', status: 'scheduled' });
    const jobs = [echo(3, { deduplicationKey: 'two' }), echo(4, { deduplicationKey: 'one' })];
    const { body } = await post({ jobs });
    expect(body).toMatchObject({ accepted: 2, ids: [expect.any(String), id], deduplicated: [1] });
    expect(await program.job(id)).not.toHaveProperty('deduplicated');
  });
});
