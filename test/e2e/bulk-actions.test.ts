import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import type { BulkActionResource } from '../../src/contract/bulk-actions.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { Installation, type Program } from '../support/program.ts';

let installation: Installation;
let program: Program;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
});
afterAll(() => installation?.remove());

const later = (input: unknown, options: object = {}) =>
  program.enqueue('test:echo', input, { delayMs: 600_000, ...options });
const post = <Body>(json: object) => program.call<Body>('/v1/bulk-actions', { json });

describe('bulk actions over HTTP', () => {
  it('count without doing anything in a dry run', async () => {
    const jobs = [await later(1, { tags: ['dry'] }), await later(2, { tags: ['dry'] })];
    const count = async (action: string) => (await post({ action, filter: { tag: 'dry' }, dryRun: true })).body;
    expect(await count('cancel')).toMatchObject({ matched: 2 });
    expect(await count('retry')).toMatchObject({ matched: 0 });
    expect(await count('delete')).toMatchObject({ matched: 0 });
    for (const { id } of jobs) expect((await program.job(id)).status).toBe('scheduled');
  });

  it('cancel, retry and delete what a filter means, and tell of it', async () => {
    const client = createClient({ url: program.url });
    const jobs = await Promise.all([1, 2, 3].map((n) => later(n, { tags: ['all'] })));
    await later(4);
    const { status, headers, body } = await post<BulkActionResource>({ action: 'cancel', filter: { tag: ['all'] } });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/v1/bulk-actions/${body.id}`);
    expect(body).toEqual({
      ...{ id: expect.any(String), action: 'cancel', filter: { tag: ['all'] }, status: 'running' },
      ...{
        matched: 3,
        matchedIsCapped: false,
        processed: 0,
        changed: 0,
        error: null,
        createdAt: expect.any(String),
        finishedAt: null,
      },
    });
    const cancelled = await client.bulkActions.wait(body.id);
    expect(cancelled).toMatchObject({ status: 'completed', processed: 3, changed: 3, finishedAt: expect.any(String) });
    for (const { id } of jobs) expect((await program.job(id)).status).toBe('cancelled');

    const retried = await client.bulkActions.create('retry', { status: 'cancelled', input: { '': 1 } }).catch(String);
    expect(retried).toContain('joined by dots');
    const { id } = await client.bulkActions.create('retry', { status: ['cancelled'], ids: [jobs[0]?.id ?? ''] });
    expect(await client.bulkActions.wait(id)).toMatchObject({ changed: 1 });
    expect(await program.jobEnded(jobs[0]?.id ?? '')).toMatchObject({ status: 'completed', output: 1 });

    const { id: last } = await client.bulkActions.create('delete', { tag: 'all' });
    expect(await client.bulkActions.wait(last)).toMatchObject({ matched: 3, changed: 3 });
    expect((await program.call<Page<JobResource>>('/v1/jobs?tag=all')).body.items).toEqual([]);

    const first = await client.bulkActions.list({ limit: 2 });
    const rest = await client.bulkActions.list({ cursor: first.nextCursor ?? undefined });
    expect([...first.items, ...rest.items].map((action) => action.id)).toEqual([last, id, body.id]);
    expect(await client.bulkActions.get(body.id)).toEqual(cancelled);
  });

  it('begin once for the same Idempotency-Key, however often the call is sent', async () => {
    const { bulkActions, deadLetters } = createClient({ url: program.url });
    for (const begin of [
      () => bulkActions.create('cancel', { tag: 'once' }, { idempotencyKey: 'a-1' }),
      () => deadLetters.retry({ tag: 'once' }, { idempotencyKey: 'a-2' }),
      () => deadLetters.discard({ tag: 'once' }, { idempotencyKey: 'a-3' }),
    ]) {
      const [first, second] = [await begin(), await begin()];
      expect(second).toEqual(first);
    }
    await expect(bulkActions.create('cancel', {}, { idempotencyKey: 'a-1' })).rejects.toMatchObject({ status: 422 });
  });

  it('cannot be aborted when they have finished', async () => {
    const { body } = await post<BulkActionResource>({ action: 'retry', filter: { type: 'nothing' } });
    await createClient({ url: program.url }).bulkActions.wait(body.id);
    const answer = await program.call<Problem>(`/v1/bulk-actions/${body.id}/abort`, { method: 'POST' });
    expect(answer).toMatchObject({ status: 409, body: { code: 'ACTION_FINISHED' } });
    for (const path of ['01980000-0000-7000-8000-000000000001', 'nope']) {
      expect((await program.call(`/v1/bulk-actions/${path}`)).status).toBe(404);
      expect((await program.call(`/v1/bulk-actions/${path}/abort`, { method: 'POST' })).status).toBe(404);
    }
  });

  it.each<[what: string, body: object, paths: string[]]>([
    ['no filter', { action: 'delete' }, ['filter']],
    ['an action that there is none', { action: 'destroy', filter: {} }, ['action']],
    ['a status that there is none', { action: 'retry', filter: { status: ['failed', 'lost'] } }, ['filter.status']],
    ['a field that there is none', { action: 'retry', filter: { colour: 'blue' } }, ['filter.colour']],
    ['a path without a name', { action: 'retry', filter: { 'input.a..b': 1 } }, ['filter.input.a..b']],
    ['an object as a value', { action: 'retry', filter: { 'input.a': {} } }, ['filter.input.a']],
    [
      'text that cannot be stored',
      { action: 'retry', filter: { type: 'a\0', q: '\ud800' } },
      ['filter.type', 'filter.q'],
    ],
    ['a time that is none', { action: 'retry', filter: { createdAfter: 'today' } }, ['filter.createdAfter']],
    ['too many ids', { action: 'retry', filter: { ids: Array(1001).fill(crypto.randomUUID()) } }, ['filter.ids']],
  ])('are refused with %s', async (_what, body, paths) => {
    const answer = await post<Problem>(body);
    expect(answer).toMatchObject({ status: 422, body: { code: 'INVALID_FIELDS' } });
    expect(answer.body.errors?.map(({ path }) => path)).toEqual(paths);
  });
});
