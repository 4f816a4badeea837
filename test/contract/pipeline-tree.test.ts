import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { StepResource } from '../../src/contract/steps.ts';
import { cancelJob } from '../../src/engine/control.ts';
import type { Caller } from '../../src/engine/engine.ts';
import { listSteps, type StepQuery } from '../../src/engine/pipelines/list-steps.ts';
import { sendEvent } from '../../src/engine/pipelines/send-event.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { createId } from '../../src/shared/ids.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const shoot = defineJob({ type: 'film:shoot', input: z.number(), run: (scene) => scene });
const spoil = defineJob({
  type: 'film:spoil',
  input: z.null(),
  attempts: 1,
  run: () => {
    throw new Error('no light');
  },
});
const short = definePipeline({
  type: 'film:short',
  input: z.number(),
  output: z.null(),
  run: async (scenes, { step }) => {
    await step.all(shoot, range(scenes));
    return null;
  },
});
const film = definePipeline({
  type: 'film:film',
  input: z.object({ scenes: z.number(), shorts: z.number() }),
  run: async ({ scenes, shorts }, { step }) => {
    await step.all(shoot, range(scenes));
    await step.all(short, range(shorts).fill(scenes));
  },
});
const jobs = [shoot, short, film];

const acme: Caller = { scope: { tenant: 'acme' }, actor: 'test' };
const other: Caller = { scope: { tenant: 'other' }, actor: 'test' };

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

async function list(harness: Harness, id: string, query: Partial<StepQuery> = {}, caller = everyone) {
  return listSteps(harness.engine, caller, id, { limit: 50, depth: 1, ...query });
}

/** `key status` of every step, with those of its steps in brackets. */
function outline(steps: readonly StepResource[]): string[] {
  return steps.map(({ key, status, steps, hasMoreSteps }) => {
    const inner = steps === undefined ? '' : ` (${outline(steps).join(', ')}${hasMoreSteps ? ', …' : ''})`;
    return `${key} ${status}${inner}`;
  });
}

describe('the steps of a pipeline', () => {
  const start = useHarnesses('postgres');

  it('are listed in the order of the calls, jobs, pauses and events alike, each as it is now', async () => {
    const gate = new Gate();
    const held = defineJob({ type: 'film:held', input: z.number(), run: () => gate.pass() });
    const pipeline = definePipeline({
      type: 'film:all',
      input: z.null(),
      async run(_, { step }) {
        await step(shoot, 1);
        await step.sleep(1, { key: 'nap' });
        await step(spoil, null, { onFailure: 'continue' });
        await step.waitForEvent('light', { key: 'never', timeoutMs: 1 });
        await step.waitForEvent('go');
        await Promise.all([
          step.all(held, [1, 2, 3], { key: 'held', concurrency: 1 }),
          step.sleep(3_600_000, { key: 'long' }),
          step.waitForEvent('cut', { timeoutMs: 3_600_000 }),
        ]);
      },
    });
    const harness = await start([shoot, spoil, held, pipeline]);
    await harness.startWorker();
    const { id } = await harness.enqueue(pipeline, null, { tenant: 'acme' });
    await sendEvent(harness.engine, acme, id, 'go', null, createId());
    await waitFor(() => gate.arrivals > 0, { describe: 'a step is at the gate' });
    const look = async () => {
      const { items } = await list(harness, id, {}, acme);
      return items.length === 10 && items.some(({ status }) => status === 'processing') ? items : undefined;
    };
    const items = await waitFor(look, { describe: 'all steps are there and one of them runs' });
    expect(outline(items)).toEqual([
      'film:shoot#1 completed',
      'nap completed',
      'film:spoil#1 failed',
      'never expired',
      'go#1 completed',
      'held[0] processing',
      'held[1] waiting',
      'held[2] waiting',
      'long waiting',
      'cut#1 waiting',
    ]);
    const common = { parentId: id, createdAt: expect.any(String) };
    expect(items[0]).toEqual({
      ...common,
      ...{ key: 'film:shoot#1', kind: 'job', type: 'film:shoot', id: expect.any(String), status: 'completed' },
      ...{ reason: null, attempt: 1, maxAttempts: 3, progress: { percent: 100, message: null, etaMs: null } },
      ...{ error: null, runAt: expect.any(String), startedAt: expect.any(String), finishedAt: expect.any(String) },
    });
    expect(items[2]).toMatchObject({ reason: 'attempts_exhausted', error: { message: 'no light' }, maxAttempts: 1 });
    expect(items[6]).toMatchObject({ attempt: 0, startedAt: null, finishedAt: null });
    expect(items[8]).toEqual({
      ...common,
      ...{ key: 'long', kind: 'sleep', type: 'sleep', id: null, status: 'waiting', reason: null },
      ...{ attempt: 0, maxAttempts: 0, progress: { percent: 0, message: null, etaMs: expect.any(Number) } },
      ...{ error: null, runAt: expect.any(String), startedAt: expect.any(String), finishedAt: null },
    });
    expect(items[9]).toMatchObject({ kind: 'event', type: 'cut', id: null, progress: { etaMs: null } });

    await cancelJob(harness.engine, acme, id);
    const after = await waitFor(
      async () => {
        const last = (await list(harness, id)).items.slice(5);
        return last.every(({ status }) => status === 'cancelled') ? last : undefined;
      },
      { describe: 'what was open is cancelled' },
    );
    for (const step of after) expect(step.finishedAt).toEqual(expect.any(String));
    gate.open();
  });

  it('come page by page', async () => {
    const harness = await start(jobs);
    await harness.startWorker();
    const { id } = await harness.enqueue(film, { scenes: 7, shorts: 2 });
    await harness.ended(id);
    const seen: string[] = [];
    let cursor: string | undefined;
    const sizes: number[] = [];
    do {
      const page = await list(harness, id, { limit: 3, cursor });
      seen.push(...page.items.map(({ key }) => key));
      sizes.push(page.items.length);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(sizes).toEqual([3, 3, 3]);
    const scenes = range(7).map((index) => `film:shoot#1[${index}]`);
    expect(seen).toEqual([...scenes, 'film:short#1[0]', 'film:short#1[1]']);
    const { nextCursor } = await list(harness, id, { limit: 1 });
    const other = await harness.enqueue(film, { scenes: 1, shorts: 0 });
    const ofAnother = list(harness, other.id, { cursor: nextCursor ?? '' });
    await expect(ofAnother).rejects.toMatchObject({ code: 'INVALID_FIELDS', errors: [{ path: 'cursor' }] });
  });

  it('bring the steps of nested pipelines along, down to the depth that is asked for', async () => {
    const harness = await start(jobs);
    await harness.startWorker();
    const { id } = await harness.enqueue(film, { scenes: 2, shorts: 2 });
    await harness.ended(id);
    expect(outline((await list(harness, id)).items)).toEqual([
      'film:shoot#1[0] completed',
      'film:shoot#1[1] completed',
      'film:short#1[0] completed',
      'film:short#1[1] completed',
    ]);
    const inner = '(film:shoot#1[0] completed, film:shoot#1[1] completed)';
    for (const depth of [2, 10]) {
      expect(outline((await list(harness, id, { depth })).items).slice(2)).toEqual([
        `film:short#1[0] completed ${inner}`,
        `film:short#1[1] completed ${inner}`,
      ]);
    }
    const { nextCursor } = await list(harness, id, { limit: 2 });
    const { items } = await list(harness, id, { depth: 2, limit: 1, cursor: nextCursor ?? '' });
    expect(outline(items)).toEqual(['film:short#1[0] completed (film:shoot#1[0] completed, …)']);
    expect(items[0]?.steps?.[0]?.parentId).toBe(items[0]?.id);
  });

  it('are at most 2,000 in one answer, however wide and deep the tree is', async () => {
    const harness = await start(jobs, { isFollower: true });
    const root = await harness.enqueue(film, { scenes: 1, shorts: 0 });
    await grow(harness, [root.id], 200);
    const films = (await list(harness, root.id, { limit: 200 })).items.map((step) => step.id ?? '');
    await grow(harness, films, 20);
    const count = (steps: readonly StepResource[]): number =>
      steps.reduce((sum, step) => sum + 1 + count(step.steps ?? []), 0);
    const { items } = await list(harness, root.id, { limit: 200, depth: 10 });
    expect(count(items)).toBe(2000);
    expect(items.map((step) => step.steps?.length)).toEqual(Array(200).fill(9));
    expect(items.every((step) => step.hasMoreSteps)).toBe(true);
  });

  it('are there for those who may see the pipeline', async () => {
    const harness = await start(jobs);
    await harness.startWorker();
    const { id } = await harness.enqueue(film, { scenes: 1, shorts: 0 }, { tenant: 'acme' });
    await harness.ended(id);
    expect((await list(harness, id, {}, acme)).items).toHaveLength(1);
    await expect(list(harness, id, {}, other)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(list(harness, createId())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const plain = await harness.enqueue(shoot, 1);
    expect(await list(harness, plain.id)).toEqual({ items: [], nextCursor: null });
  });
});

/** Records a call of many jobs for each of these pipelines, as pipelines with calls of their own. */
async function grow(harness: Harness, ids: readonly string[], size: number): Promise<void> {
  await harness.sql(
    `insert into longshore.pipeline_steps (pipeline_id, key, position, kind, name, input_hash, size, seen)
     select unnest($1::uuid[]), 'films', 0, 'all', 'film:film', '', $2, 0`,
    [ids, size],
  );
  await harness.sql(
    `insert into longshore.jobs
       (id, tenant, type, queue, status, input, max_attempts, timeout_ms, parent_id, step_key, step_index, steps, started_at)
     select gen_random_uuid(), 'default', 'film:film', 'film', 'waiting', 'null', 1, 1000, p, 'films', index, 1, now()
     from unnest($1::uuid[]) p, generate_series(0, $2 - 1) index`,
    [ids, size],
  );
}

describe('an event for a pipeline', () => {
  const start = useHarnesses('postgres');
  const ask = definePipeline({
    type: 'film:ask',
    input: z.null(),
    run: async (_, { step }) => [await step.waitForEvent('go'), await step.waitForEvent('go')],
  });
  const isAsking = (harness: Harness, id: string) => harness.has(id, 'waiting');

  it('is taken by the step that waits for it, or by one that comes to wait for it later', async () => {
    const harness = await start([ask]);
    await harness.startWorker();
    const { id } = await harness.enqueue(ask, null);
    await isAsking(harness, id);
    const told = await sendEvent(harness.engine, everyone, id, 'go', { take: 1 }, createId());
    expect(told.id).toBe(id);
    await sendEvent(harness.engine, everyone, id, 'go', null, createId());
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: [{ take: 1 }, null] });

    const early = await harness.enqueue(ask, null, { delayMs: 50 });
    for (const take of [1, 2]) await sendEvent(harness.engine, everyone, early.id, 'go', take, createId());
    expect(await harness.ended(early.id)).toMatchObject({ output: [1, 2] });
  });

  it('is told once, however often the call is made', async () => {
    const harness = await start([ask]);
    await harness.startWorker();
    const { id } = await harness.enqueue(ask, null);
    const eventIds = [createId(), createId()] as const;
    for (let n = 0; n < 3; n += 1) await sendEvent(harness.engine, everyone, id, 'go', 'first', eventIds[0]);
    await isAsking(harness, id);
    await sendEvent(harness.engine, everyone, id, 'go', 'second', eventIds[1]);
    expect(await harness.ended(id)).toMatchObject({ output: ['first', 'second'] });
    // A call that is made again because its answer was lost is answered as the first time, although the job has ended.
    await sendEvent(harness.engine, everyone, id, 'go', 'second', eventIds[1]);
    const late = sendEvent(harness.engine, everyone, id, 'go', 'third', createId());
    await expect(late).rejects.toMatchObject({ code: 'JOB_TERMINAL' });
    expect(await harness.sql('select 1 from longshore.pipeline_events')).toHaveLength(2);
  });

  it('is refused for a name that none can have, a job that is no pipeline, and those of others', async () => {
    const harness = await start([ask, shoot]);
    const { id } = await harness.enqueue(ask, null, { tenant: 'acme' });
    const plain = await harness.enqueue(shoot, 1, { delayMs: 600_000 });
    const send = (caller: Caller, jobId: string, name: string) =>
      sendEvent(harness.engine, caller, jobId, name, null, createId());
    for (const name of ['', '.', 'a b', 'a/b', 'ä', 'x'.repeat(101)]) {
      const fault = { code: 'INVALID_FIELDS', errors: [{ path: 'name' }] };
      await expect(send(acme, id, name), name).rejects.toMatchObject(fault);
    }
    await expect(send(everyone, plain.id, 'go')).rejects.toMatchObject({ code: 'INVALID_FIELDS' });
    await expect(send(other, id, 'go')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(send(everyone, createId(), 'go')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await send(acme, id, 'go');
  });

  it('is refused when its pipeline is ended at the same moment, and not kept', async () => {
    const harness = await start([ask]);
    const { id } = await harness.enqueue(ask, null, { delayMs: 600_000 });
    const client = await harness.engine.store.database.connect();
    let sending: Promise<unknown>;
    try {
      await client.query('begin');
      await client.query(`update longshore.jobs set status = 'cancelled', finished_at = now() where id = $1`, [id]);
      sending = sendEvent(harness.engine, everyone, id, 'go', null, createId()).catch((error: unknown) => error);
      await waitFor(async () => (await harness.countLockWaits()) > 0, { describe: 'the event waits for the end' });
      await client.query('commit');
    } finally {
      await client.end();
    }
    expect(await sending).toMatchObject({ code: 'JOB_TERMINAL' });
    expect(await harness.sql('select 1 from longshore.pipeline_events')).toEqual([]);
  });
});
