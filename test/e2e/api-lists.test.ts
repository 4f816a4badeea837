import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type {
  HealthResource,
  Problem,
  QueueResource,
  StatsResource,
  TypeResource,
} from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { noDrift } from '../../src/engine/upkeep/drift.ts';
import { pauseQueue } from '../support/pause-queue.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const NO_JOBS = {
  scheduled: 0,
  queued: 0,
  processing: 0,
  waiting: 0,
  retrying: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
};

describe.each<TransportName>(['postgres', 'bullmq'])('lists over HTTP, on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create({ transport });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  const list = async (query = '') => (await program.call<Page<JobResource>>(`/v1/jobs${query}`)).body;
  const read = async <Body>(path: string) => (await program.call<Body>(path)).body;

  it('counts and shows a queue before its first job, with its worker', async () => {
    const { items, nextCursor } = await read<Page<QueueResource>>('/v1/queues');
    expect(nextCursor).toBeNull();
    const names = items.map(({ name }) => name);
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining(['file', 'http', 'test', 'video', 'work']));
    const expected = {
      name: 'test',
      transport,
      isPaused: false,
      counts: NO_JOBS,
      oldestWaitMs: null,
      throughputPerMinute: 0,
      workers: 1,
    };
    expect(items.find(({ name }) => name === 'test')).toEqual(expected);
    expect(await read('/v1/queues/test')).toEqual(expected);
    expect(await read('/v1/stats')).toEqual({
      counts: NO_JOBS,
      completedLastMinute: 0,
      failedLastMinute: 0,
      workers: 1,
      webhooks: { pending: 0, failed: 0 },
      drift: noDrift(),
    });
  });

  it('lists jobs newest first, by status, type, queue and tenant', async () => {
    const done = await program.enqueue('test:echo', 1);
    const broken = await program.enqueue('test:flaky', { times: 9, isFinal: true }, { tenant: 'acme' });
    const later = await program.enqueue('test:echo', 1, { delayMs: 600_000, queue: 'work' });
    await Promise.all([program.jobEnded(done.id), program.jobEnded(broken.id)]);
    const idsOf = async (query: string) => (await list(query)).items.map(({ id }) => id);
    expect(await idsOf('')).toEqual([later.id, broken.id, done.id]);
    expect(await idsOf('?status=completed')).toEqual([done.id]);
    expect(await idsOf('?status=failed,scheduled')).toEqual([later.id, broken.id]);
    expect(await idsOf('?type=test:echo')).toEqual([later.id, done.id]);
    expect(await idsOf('?queue=work')).toEqual([later.id]);
    expect(await idsOf('?tenant=acme')).toEqual([broken.id]);
    expect(await idsOf('?tenant=nobody')).toEqual([]);
    expect(await idsOf('?type=test:echo&status=completed&queue=test&tenant=default')).toEqual([done.id]);
    const { waitingFor: _waitingFor, ...job } = await program.job(done.id); // which a list does not ask for
    expect((await list('?status=completed')).items[0]).toEqual(job);
  });

  it('lists jobs by tag, parent, age, text and values of their input', async () => {
    const tenant = 'filters';
    const make = (input: unknown, options: object = {}) =>
      program.enqueue('test:echo', input, { tenant, delayMs: 600_000, ...options });
    const metadata = { team: 'blue', costs: [12.5] };
    const tags = ['red', 'big'];
    const order = await make({ order: { id: 17, items: ['a "b"', null], isPaid: true } }, { tags, metadata });
    const percent = await make({ order: { id: '17' }, note: '100% of C:\\dir_a' }, { tags: ['red'] });
    const isLater = () => Date.now() > Date.parse(percent.createdAt);
    await waitFor(isLater, { describe: 'another millisecond, by which lists tell jobs apart', intervalMs: 1 });
    const text = await make('just a Text');
    const broken = await program.enqueue('test:flaky', { times: 9 }, { tenant, attempts: 1 });
    await program.jobEnded(broken.id);
    const find = async (filter: Record<string, string>) => {
      const { items } = await list(`?${new URLSearchParams({ tenant, ...filter })}`);
      return items.map(({ id }) => id).reverse();
    };
    expect(await find({ tag: 'red' })).toEqual([order.id, percent.id]);
    expect(await find({ tag: 're' })).toEqual([]);
    expect((await list(`?tenant=${tenant}&tag=red&tag=big`)).items.map(({ id }) => id)).toEqual([order.id]);
    expect(await find({ type: 'test:*', tag: 'big' })).toEqual([order.id]);
    expect(await find({ type: 'tes:*' })).toEqual([]);
    expect(await find({ batchId: order.id })).toEqual([]);
    expect(await find({ scheduleId: order.id })).toEqual([]);
    expect(await find({ finishedAfter: broken.createdAt })).toEqual([broken.id]);
    expect(await find({ finishedBefore: broken.createdAt })).toEqual([]);
    expect(await find({ 'metadata.team': 'blue' })).toEqual([order.id]);
    expect(await find({ 'metadata.costs': '12.50' })).toEqual([order.id]); // an item, and the same number
    expect(await find({ parentId: order.id })).toEqual([]);
    expect(await find({ createdAfter: text.createdAt })).toEqual([text.id, broken.id]);
    expect(await find({ createdBefore: text.createdAt })).toEqual([order.id, percent.id]);
    expect(await find({ createdAfter: '2020-01-01T00:00:00+02:00', createdBefore: '2021-01-01T00:00:00Z' })).toEqual(
      [],
    );

    expect(await find({ q: 'FLAK' })).toEqual([broken.id]); // the type
    expect(await find({ q: 'no LUCK at' })).toEqual([broken.id]); // the error
    expect(await find({ q: 'just a text' })).toEqual([text.id]); // the input
    expect(await find({ q: '"isPaid": true' })).toEqual([order.id]);
    expect(await find({ q: '100% of' })).toEqual([percent.id]);
    expect(await find({ q: 'C:\\dir_a' })).toEqual([percent.id]);
    expect(await find({ q: 'ord 17' })).toEqual([order.id, percent.id]); // words, or their beginnings, in any order
    expect(await find({ q: 'rder' })).toEqual([]);
    for (const q of ['100%', '100%C:', '100_']) expect(await find({ q })).toEqual([percent.id]); // only words count

    expect(await find({ 'input.order.id': '17' })).toEqual([order.id, percent.id]);
    expect(await find({ 'input.order.id': '17', 'input.order.isPaid': 'true' })).toEqual([order.id]);
    expect(await find({ 'input.order.items.0': 'a "b"' })).toEqual([order.id]);
    expect(await find({ 'input.order.items.1': 'null' })).toEqual([order.id]);
    expect(await find({ 'input.order.nothing': 'null' })).toEqual([]);
    expect(await find({ "input.order.id') or true --": '17' })).toEqual([]);
    expect(await find({ q: "' and false --" })).toEqual([]);
  });

  it('pages through all jobs once, also while new ones arrive', async () => {
    for (let n = 0; n < 7; n += 1) await program.enqueue('test:echo', n, { tenant: 'pages', delayMs: 600_000 });
    const seen: unknown[] = [];
    let cursor: string | null = '';
    for (let page = 0; cursor !== null; page += 1) {
      const part: Page<JobResource> = await list(`?tenant=pages&limit=3${cursor && `&cursor=${cursor}`}`);
      expect(part.items.length).toBe(page < 2 ? 3 : 1);
      seen.push(...part.items.map(({ input }) => input));
      cursor = part.nextCursor;
      await program.enqueue('test:echo', 'new', { tenant: 'pages', delayMs: 600_000 });
    }
    expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0]);
  });

  it('refuses the cursor of another filter or list where a position is only an id', async () => {
    for (const name of ['one', 'two']) await program.call('/v1/batches', { json: { name } });
    for (let n = 0; n < 2; n += 1) {
      const { id } = await program.enqueue('test:echo', n, { delayMs: 600_000 });
      await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    }
    const cursorOf = async (where: string) => (await program.call<Page<unknown>>(where)).body.nextCursor;
    const ofBatches = await cursorOf('/v1/batches?limit=1');
    const ofAudit = await cursorOf('/v1/audit?limit=1');
    expect((await program.call(`/v1/batches?cursor=${ofBatches}`)).status).toBe(200);
    expect((await program.call(`/v1/audit?cursor=${ofAudit}`)).status).toBe(200);
    const lists = ['webhooks?', 'webhook-deliveries?', 'api-keys?', 'audit?', 'notifications?user=ann&'];
    const others = [...lists.map((list) => `${list}cursor=${ofBatches}`), `audit?action=job.cancel&cursor=${ofAudit}`];
    for (const other of others) {
      const { status, body } = await program.call<Problem>(`/v1/${other}`);
      expect([other, status, body.errors?.map(({ path }) => path)]).toEqual([other, 422, ['cursor']]);
    }
  });

  it('refuses the cursor of another filter, list or tenant', async () => {
    for (let n = 0; n < 2; n += 1) await program.enqueue('test:echo', n, { tenant: 'cursors', delayMs: 600_000 });
    const { nextCursor: cursor } = await list('?tenant=cursors&limit=1');
    expect((await program.call(`/v1/jobs?tenant=cursors&cursor=${cursor}`)).status).toBe(200);
    const others = [
      'jobs?',
      'jobs?tenant=other&',
      'jobs?tenant=cursors&type=test:echo&',
      'dead-letters?tenant=cursors&',
    ];
    for (const other of [...others, 'dead-letters?groupBy=error&tenant=cursors&', 'bulk-actions?']) {
      const { status, body } = await program.call<Problem>(`/v1/${other}cursor=${cursor}`);
      expect({ other, status, errors: body.errors }).toMatchObject({
        other,
        status: 422,
        errors: [{ path: 'cursor' }],
      });
    }
  });

  it('names the filters that there are where one is not known', async () => {
    const { status, body } = await program.call<Problem>('/v1/jobs?tagg=red&q=%25%25&type=*&type2=x');
    const errors = new Map(body.errors?.map(({ path, message }) => [path, message]));
    expect(status).toBe(422);
    expect([...errors.keys()].sort()).toEqual(['q', 'tagg', 'type', 'type2']);
    expect(errors.get('tagg')).toMatch(/there are limit, cursor, .*tag, .*input\.<path>, metadata\.<path>$/);
  });

  it('gives 50 jobs without a limit and at most 200', async () => {
    await Promise.all(Array.from({ length: 51 }, () => program.enqueue('test:echo', 0, { delayMs: 600_000 })));
    const page = await list();
    expect(page.items).toHaveLength(50);
    expect(page.nextCursor).toContain(page.items[49]?.id);
    expect((await list('?limit=200')).items.length).toBeGreaterThan(50);
    for (const limit of ['201', '0', '-1', 'many']) {
      expect((await program.call(`/v1/jobs?limit=${limit}`)).status).toBe(422);
    }
  });

  it('describes each type with the JSON Schema of its input and output, and its defaults', async () => {
    const { items, nextCursor } = await read<Page<TypeResource>>('/v1/types');
    expect(nextCursor).toBeNull();
    const types = items.map(({ type }) => type);
    expect(types).toEqual([...types].sort());
    expect(types).toEqual(expect.arrayContaining(['file:process', 'http:request', 'test:echo', 'test:typed']));
    expect(items.find(({ type }) => type === 'test:typed')).toEqual({
      type: 'test:typed',
      description: '',
      queue: 'test',
      inputSchema: expect.objectContaining({ type: 'object', required: ['name', 'count'] }),
      outputSchema: expect.objectContaining({ type: 'object', required: ['total'] }),
      defaults: { attempts: 3, timeoutMs: 60_000, backoff: expect.objectContaining({ type: 'exponential' }) },
      isolation: 'none',
      examples: [],
      failures: [],
      repeats: '',
    });
    expect(items.find(({ type }) => type === 'http:request')).toMatchObject({
      examples: expect.arrayContaining([{ title: 'Read an address', input: { url: expect.any(String) } }]),
      failures: expect.arrayContaining([{ when: expect.any(String), effect: 'retry' }]),
      repeats: expect.stringContaining('sent again'),
    });
  });

  it('takes no job of a paused queue and all of them after it is resumed', async () => {
    const paused = await pauseQueue(installation, program, 'test');
    expect(paused).toMatchObject({ status: 200, body: { name: 'test', isPaused: true } });
    const { id } = await program.enqueue('test:echo', 'patient');
    const other = await program.enqueue('test:echo', 'elsewhere', { queue: 'work' });
    await program.jobEnded(other.id);
    expect((await program.job(id)).status).toBe('queued');
    const queue = await read<QueueResource>('/v1/queues/test');
    expect(queue.counts.queued).toBe(1);
    expect(queue.oldestWaitMs).toBeGreaterThanOrEqual(0);
    const resumed = await program.call<QueueResource>('/v1/queues/test/resume', { method: 'POST' });
    expect(resumed).toMatchObject({ status: 200, body: { isPaused: false } });
    expect((await program.jobEnded(id)).status).toBe('completed');
  });

  it('counts what happened', async () => {
    const path = join(installation.folder, 'gate');
    const before = await read<StatsResource>('/v1/stats');
    const running = await program.enqueue('test:gate', { path });
    await program.jobIs(running.id, 'processing');
    const during = await read<StatsResource>('/v1/stats');
    expect(during.counts).toEqual({ ...before.counts, processing: 1 });
    writeFileSync(path, '');
    await program.jobEnded(running.id);
    const after = await read<StatsResource>('/v1/stats');
    expect(after.counts).toEqual({ ...before.counts, completed: before.counts.completed + 1 });
    const queues = (await read<Page<QueueResource>>('/v1/queues')).items;
    expect(queues.reduce((sum, { counts }) => sum + counts.completed, 0)).toBe(after.counts.completed);
  });

  it('says how it fares', async () => {
    expect(await program.call('/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
    const { status, body } = await program.call<HealthResource>('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'ok',
      mode: 'all',
      uptime: expect.any(Number),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      connections: { postgres: 'ok', redis: transport === 'bullmq' ? 'ok' : 'not used' },
      worker: { status: 'ok', running: 0 },
    });
    expect(await program.call('/health/ready')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});
