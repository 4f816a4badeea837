import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../src/client.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { ScheduleResource } from '../../src/contract/schedules.ts';
import { runSql } from '../support/postgres.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

let installation: Installation;
let program: Program;
let client: Client;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
  client = createClient({ url: program.url });
});
afterAll(() => installation?.remove());

let made = 0;
const nextName = () => {
  made += 1;
  return `schedule ${made}`;
};
const base = () => ({ name: nextName(), type: 'test:echo', input: { n: 1 } });
const post = <Body>(json: object) => program.call<Body>('/v1/schedules', { json });
const patch = <Body>(id: string, json: object) => program.call<Body>(`/v1/schedules/${id}`, { method: 'PATCH', json });

describe('schedules over HTTP', () => {
  it('are created, read, changed, paused, resumed and deleted', async () => {
    const request = { ...base(), cron: '30 2 * * *', timeZone: 'Europe/Berlin', options: { tags: ['a'] } };
    const { status, headers, body } = await post<ScheduleResource>(request);
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/v1/schedules/${body.id}`);
    const self = `/v1/schedules/${body.id}`;
    expect(body).toEqual({
      ...request,
      ...{ id: expect.any(String), tenant: 'default', everyMs: null, runAt: null, catchUp: 'last', overlap: 'allow' },
      ...{
        enabled: true,
        source: 'api',
        retiredAt: null,
        nextRunAt: body.nextRuns[0],
        lastRunAt: null,
        lastError: null,
      },
      ...{ nextRuns: body.nextRuns, createdAt: expect.any(String), updatedAt: expect.any(String) },
      links: { self, runs: `${self}/runs`, trigger: `${self}/trigger` },
    });
    expect(body.nextRuns).toHaveLength(10);
    expect(await client.schedules.get(body.id)).toEqual(body);

    const edited = await client.schedules.edit(body.id, { everyMs: 60_000, input: null, catchUp: 'all' });
    expect(edited).toMatchObject({
      cron: null,
      everyMs: 60_000,
      input: null,
      catchUp: 'all',
      options: { tags: ['a'] },
    });
    expect(Date.parse(edited.nextRuns[9] ?? '') - Date.parse(edited.nextRuns[0] ?? '')).toBe(9 * 60_000);
    expect(await client.schedules.pause(body.id)).toMatchObject({ enabled: false, nextRunAt: null, nextRuns: [] });
    expect((await client.schedules.resume(body.id)).nextRuns).toHaveLength(10);

    const job = await client.schedules.trigger(body.id);
    expect(job).toMatchObject({ type: 'test:echo', scheduleId: body.id, tags: ['a'] });
    expect(await program.jobEnded(job.id)).toMatchObject({ status: 'completed', output: null });
    const { items } = await client.schedules.runs(body.id);
    expect(items).toMatchObject([{ kind: 'manual', outcome: 'enqueued', jobId: job.id, detail: null }]);

    await client.schedules.delete(body.id);
    await expect(client.schedules.get(body.id)).rejects.toMatchObject({ status: 404 });
    expect((await program.job(job.id)).scheduleId).toBe(body.id);
    const actions = await runSql<{ action: string }>(
      installation.settings.DATABASE_URL ?? '',
      `select action from longshore.audit_log where target = '${body.id}' order by id`,
    );
    const verbs = ['create', 'edit', 'edit', 'edit', 'trigger', 'delete'];
    expect(actions.map(({ action }) => action)).toEqual(verbs.map((verb) => `schedule.${verb}`));
  });

  it('fire once at a time, and never again', async () => {
    const runAt = new Date(Date.now() + 1500).toISOString();
    const { id } = await client.schedules.create({ ...base(), runAt });
    const isDone = async () => {
      const { items } = await client.schedules.runs(id);
      return items[0]?.jobId ?? undefined;
    };
    const jobId = await waitFor(isDone, { describe: 'it has fired' });
    expect(await program.jobEnded(jobId)).toMatchObject({ status: 'completed', scheduleId: id });
    expect(await client.schedules.get(id)).toMatchObject({ nextRunAt: null, nextRuns: [], lastRunAt: runAt });
  });

  it('are created and triggered once for the same Idempotency-Key', async () => {
    const request = { ...base(), everyMs: 3_600_000 };
    const call = { idempotencyKey: 'schedule-1' };
    const first = await client.schedules.create(request, call);
    expect(await client.schedules.create(request, call)).toEqual(first);
    const job = await client.schedules.trigger(first.id, call);
    expect((await client.schedules.trigger(first.id, call)).id).toBe(job.id);
    await expect(client.schedules.create(request)).rejects.toMatchObject({ status: 409, code: 'SCHEDULE_NAME_TAKEN' });
    const other = await client.schedules.create({ ...base(), everyMs: 3_600_000 });
    await expect(client.schedules.edit(other.id, { name: request.name })).rejects.toMatchObject({
      code: 'SCHEDULE_NAME_TAKEN',
    });
  });

  it('are listed by type and pause, page by page', async () => {
    const ids: string[] = [];
    for (const enabled of [true, false, true]) {
      const request = { ...base(), type: 'test:talk', input: { lines: 1 }, everyMs: 3_600_000, enabled };
      ids.unshift((await client.schedules.create(request)).id);
    }
    const list = async (query: string) => (await program.call<Page<ScheduleResource>>(`/v1/schedules?${query}`)).body;
    const first = await list('type=test:talk&limit=2');
    const rest = await list(`type=test:talk&limit=2&cursor=${first.nextCursor}`);
    expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual(ids);
    expect((await list('type=test:talk&enabled=false')).items.map(({ id }) => id)).toEqual([ids[1]]);
    for (const query of [
      `limit=2&cursor=${first.nextCursor}`,
      'cursor=x',
      `cursor=${ids[0]}`,
      'colour=blue',
      'enabled=1',
    ]) {
      expect((await program.call(`/v1/schedules?${query}`)).status).toBe(422);
    }
    const runs = await program.call(`/v1/schedules/${ids[0]}/runs?cursor=${first.nextCursor}`);
    expect(runs.status).toBe(422);
  });

  it.each<[what: string, body: object, paths: string[]]>([
    ['no time', {}, ['']],
    ['two times', { cron: '@daily', everyMs: 1000 }, ['']],
    ['a field that is out of range', { cron: '0 24 * * *' }, ['cron']],
    ['items that overlap', { cron: '1-5,3 * * * *' }, ['cron']],
    ['a step beyond the range', { cron: '*/70 * * * *' }, ['cron']],
    ['a date that there is none', { cron: '0 0 30 2 *' }, ['cron']],
    ['text', { cron: 'every day' }, ['cron']],
    ['a time zone that there is none', { cron: '@daily', timeZone: 'Mars/Olympus' }, ['timeZone']],
    ['several faults at once', { cron: '61 * * * *', timeZone: 'Nowhere' }, ['timeZone', 'cron']],
    ['an interval below a second', { everyMs: 999 }, ['everyMs']],
    ['a time that has passed', { runAt: '2020-01-01T00:00:00Z' }, ['runAt']],
    ['a policy that there is none', { cron: '@daily', catchUp: 'some', overlap: 'maybe' }, ['catchUp', 'overlap']],
    ['an option that makes no sense here', { cron: '@daily', options: { delayMs: 5 } }, ['options.delayMs']],
    ['a queue that there is none', { cron: '@daily', options: { queue: 'nobody' } }, ['options.queue']],
    ['a name with a line break', { cron: '@daily', name: 'a\nb' }, ['name']],
    ['an unknown field', { cron: '@daily', colour: 'blue' }, ['colour']],
    ['an input that does not fit', { cron: '@daily', type: 'test:typed' }, ['input.name', 'input.count', 'input.n']],
  ])('are refused with %s', async (_what, part, paths) => {
    const { status, body } = await post<Problem>({ ...base(), ...part });
    expect(status).toBe(422);
    expect(body.code).toBe('INVALID_FIELDS');
    expect(body.errors?.map(({ path }) => path)).toEqual(paths);
  });

  it('are refused with a type that there is none, and edits with the same faults', async () => {
    expect(await post<Problem>({ ...base(), type: 'no:such', cron: '@daily' })).toMatchObject({
      ...{ status: 422, body: { code: 'UNKNOWN_TYPE' } },
    });
    const { id } = await client.schedules.create({ ...base(), type: 'test:talk', input: { lines: 1 }, cron: '@daily' });
    for (const edit of [{ cron: '0 25 * * *' }, { timeZone: 'Mars' }, { input: { lines: 'x' } }, { source: 'code' }]) {
      expect((await patch<Problem>(id, edit)).status).toBe(422);
    }
    expect(await client.schedules.get(id)).toMatchObject({ cron: '@daily', timeZone: 'UTC', input: { lines: 1 } });
  });

  it('that do not exist are not found', async () => {
    const id = '01980000-0000-7000-8000-000000000001';
    for (const path of [id, 'nope', '%00']) {
      const url = `/v1/schedules/${path}`;
      expect((await program.call(url)).status).toBe(404);
      expect((await program.call(url, { method: 'PATCH', json: {} })).status).toBe(404);
      expect((await program.call(url, { method: 'DELETE' })).status).toBe(404);
      expect((await program.call(`${url}/trigger`, { method: 'POST' })).status).toBe(404);
      expect((await program.call(`${url}/runs`)).status).toBe(404);
    }
  });
});
