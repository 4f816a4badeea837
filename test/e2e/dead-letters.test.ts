import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BulkActionResource, DryRun } from '../../src/contract/bulk-actions.ts';
import type { DeadLetterGroup } from '../../src/contract/dead-letters.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('dead letters over HTTP, on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create({ transport });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  async function fail(times: number, options: object = {}): Promise<JobResource> {
    const { id } = await program.enqueue('test:flaky', { times }, { attempts: 1, ...options });
    return program.jobEnded(id);
  }
  const read = async <Body>(path: string) => (await program.call<Body>(path)).body;
  const idsOf = async (query: string) => {
    const { items } = await read<Page<JobResource>>(`/v1/dead-letters${query}`);
    return items.map(({ id }) => id);
  };
  const groupsOf = async (query = '') =>
    (await read<Page<DeadLetterGroup>>(`/v1/dead-letters?groupBy=error${query}`)).items;
  const post = <Body>(path: string, json: object) => program.call<Body>(`/v1/dead-letters/${path}`, { json });
  const finished = (id: string) =>
    waitFor(
      async () => {
        const action = await read<BulkActionResource>(`/v1/bulk-actions/${id}`);
        return action.status !== 'running' && action;
      },
      { describe: `bulk action ${id} has finished` },
    );

  it('lists failed jobs and no others, newest first, with the filters of the job list', async () => {
    const first = await fail(9, { tenant: 'list', tags: ['red'] });
    const second = await fail(8, { tenant: 'list', queue: 'work' });
    const done = await program.enqueue('test:echo', 1, { tenant: 'list' });
    await program.jobEnded(done.id);
    expect(await idsOf('?tenant=list')).toEqual([second.id, first.id]);
    expect(await idsOf('?tenant=list&queue=work')).toEqual([second.id]);
    expect(await idsOf('?tenant=list&tag=red')).toEqual([first.id]);
    expect(await idsOf('?tenant=list&input.times=8')).toEqual([second.id]);
    expect(await idsOf('?tenant=list&q=NO%20LUCK')).toEqual([second.id, first.id]);
    const page = await read<Page<JobResource>>('/v1/dead-letters?tenant=list&limit=1');
    const { waitingFor: _waitingFor, ...listed } = second; // which a list does not ask for
    expect(page.items).toEqual([listed]);
    expect(await idsOf(`?tenant=list&limit=1&cursor=${page.nextCursor}`)).toEqual([first.id]);
    for (const query of ['status=failed', 'groupBy=type', 'nope=1']) {
      expect((await program.call<Problem>(`/v1/dead-letters?${query}`)).status).toBe(422);
    }
  });

  it('groups them by what went wrong, the last seen first, page by page', async () => {
    const one = await fail(9, { tenant: 'group' });
    const typed = await program.enqueue(
      'http:request',
      { url: 'http://127.0.0.1:9/a' },
      { tenant: 'group', attempts: 1 },
    );
    await program.jobEnded(typed.id);
    const two = await fail(7, { tenant: 'group' });
    const groups = await groupsOf('&tenant=group');
    expect(groups).toEqual([
      {
        ...{ fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/), type: 'test:flaky', name: 'TypeError', count: 2 },
        ...{
          message: 'no luck at attempt 1',
          firstSeen: one.finishedAt,
          lastSeen: two.finishedAt,
          newestJobId: two.id,
          countIsCapped: false,
        },
      },
      expect.objectContaining({ type: 'http:request', count: 1, newestJobId: typed.id }),
    ]);
    const [newest, older] = groups.map(({ fingerprint }) => fingerprint);
    expect(await idsOf(`?fingerprint=${newest}&tenant=group`)).toEqual([two.id, one.id]);
    expect(await groupsOf(`&tenant=group&fingerprint=${older}`)).toMatchObject([{ type: 'http:request' }]);
    const page = await read<Page<DeadLetterGroup>>('/v1/dead-letters?groupBy=error&tenant=group&limit=1');
    expect(page.items).toMatchObject([{ fingerprint: newest }]);
    const rest = await read<Page<DeadLetterGroup>>(
      `/v1/dead-letters?groupBy=error&tenant=group&limit=1&cursor=${page.nextCursor}`,
    );
    expect(rest).toMatchObject({ items: [{ fingerprint: older }], nextCursor: null });
    expect((await program.call('/v1/dead-letters?groupBy=error&cursor=x')).status).toBe(422);
  });

  it('retries one with a new input, and refuses what cannot run again', async () => {
    const { id } = await fail(9, { tenant: 'one' });
    const path = `/v1/jobs/${id}/retry`;
    const refused = await program.call<Problem>(path, { json: { input: { times: 'none' } } });
    expect(refused).toMatchObject({ status: 422, body: { code: 'INVALID_FIELDS', errors: [{ path: 'input.times' }] } });
    expect((await program.call<Problem>(path, { json: { inputs: {} } })).status).toBe(422);
    const accepted = await program.call<JobResource>(path, { json: { input: { times: 0 } } });
    expect(accepted).toMatchObject({ status: 202, body: { id, status: 'queued', attempt: 0, input: { times: 0 } } });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', output: 'worked at attempt 1' });
    const late = await program.call<Problem>(path, { method: 'POST' });
    expect(late).toMatchObject({ status: 409, body: { code: 'JOB_NOT_RETRYABLE' } });
    expect((await program.call(`/v1/jobs/${id.replace(/^./, 'f')}/retry`, { method: 'POST' })).status).toBe(404);
  });

  it('retries a job with its own input when nothing is sent', async () => {
    const { id } = await fail(9);
    expect(await program.call(`/v1/jobs/${id}/retry`, { method: 'POST' })).toMatchObject({ status: 202 });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'failed', attempt: 1 });
  });

  it('retries and discards many, after telling how many', async () => {
    const jobs = [await fail(9, { tenant: 'many' }), await fail(8, { tenant: 'many' })];
    const filter = { tenant: 'many' };
    expect(await post<DryRun>('retry', { filter, dryRun: true })).toMatchObject({ status: 200, body: { matched: 2 } });
    const retried = await post<BulkActionResource>('retry', { filter });
    expect(retried).toMatchObject({ status: 202, body: { action: 'retry', status: 'running', matched: 2 } });
    expect(retried.headers.get('location')).toBe(`/v1/bulk-actions/${retried.body.id}`);
    expect(await finished(retried.body.id)).toMatchObject({ status: 'completed', processed: 2, changed: 2 });
    for (const { id } of jobs) await program.jobEnded(id);
    expect((await read<Page<unknown>>(`/v1/jobs/${jobs[0]?.id}/attempts`)).items).toHaveLength(2);
    const discarded = await post<BulkActionResource>('discard', { filter: { ...filter, 'input.times': 9 } });
    expect(discarded.body).toMatchObject({
      ...{ action: 'delete', matched: 1 },
      filter: { tenant: 'many', 'input.times': '9', status: ['failed'] },
    });
    await finished(discarded.body.id);
    expect(await idsOf('?tenant=many')).toEqual([jobs[1]?.id]);
    expect((await program.call(`/v1/jobs/${jobs[0]?.id}`)).status).toBe(404);
  });

  it('wants a filter, so that nobody discards everything by leaving it out', async () => {
    for (const verb of ['retry', 'discard']) {
      expect((await post<Problem>(verb, {})).body).toMatchObject({ status: 422, errors: [{ path: 'filter' }] });
      const faults = { filter: { status: 'failed', nope: 1, ids: ['x'] }, more: 1 };
      expect((await post<Problem>(verb, faults)).body.errors?.map(({ path }) => path).sort()).toEqual([
        ...['filter.ids.0', 'filter.nope', 'filter.status', 'more'],
      ]);
    }
  });
});
