import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { CatchUp, Overlap } from '../../src/contract/schedules.ts';
import { defineJob } from '../../src/define/job.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { cancelJob } from '../../src/engine/control.ts';
import { fireDue } from '../../src/engine/schedules/fire.ts';
import { deleteSchedule, editSchedule, requireSchedule } from '../../src/engine/schedules/manage.ts';
import { triggerSchedule } from '../../src/engine/schedules/trigger.ts';
import { trimScheduleRuns } from '../../src/engine/upkeep/trim-schedule-runs.ts';
import { createId } from '../../src/shared/ids.ts';
import type { ScheduleRunRow } from '../../src/store/schedule-row.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { letPass, makeSchedule, readRuns, runsAre } from '../support/new-schedule.ts';
import { waitFor } from '../support/wait-for.ts';
import { Gate } from './gate.ts';

const HOUR = 3_600_000;
/** Not quite the same each time, so that no due time comes twice. */
const JUST_OVER_AN_HOUR = HOUR + 1000;
const noop = defineJob({ type: 'noop:job', input: z.null(), run: () => null });
const count = (runs: readonly ScheduleRunRow[], outcome: string) =>
  runs.filter((run) => run.outcome === outcome).length;
const outcomes = (runs: readonly ScheduleRunRow[]) => runs.map(({ outcome }) => outcome);
const gated = (gate: Gate) =>
  defineJob({ type: 'gated:job', input: z.null(), run: (_input, ctx) => gate.pass(ctx.signal) });
const nextDueOf = async (harness: Harness, id: string) =>
  (await requireSchedule(harness.engine, everyone, id)).nextDueAt;

describe.each<TransportName>(['postgres', 'bullmq'])('a schedule on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it('enqueues a job when it is due, and that job runs', async () => {
    const harness = await start([noop]);
    await harness.startWorker();
    const { id } = await makeSchedule(harness, { everyMs: 1000, options: { tags: ['a'], priority: 3 } });
    const [run] = await runsAre(harness, id, 'it has fired', (runs) => runs.length > 0);
    expect(run).toMatchObject({ kind: 'due', outcome: 'enqueued', detail: null });
    const job = await harness.ended(run?.jobId ?? '');
    expect(job).toMatchObject({ status: 'completed', scheduleId: id, tags: ['a'], priority: 3, tenant: 'default' });
    const row = await requireSchedule(harness.engine, everyone, id);
    expect(row.lastDueAt?.getTime()).toBeGreaterThanOrEqual(run?.dueAt.getTime() ?? 0);
  });

  // Three hours and a half: due times after 1, 2 and 3 hours, the newest half an hour ago.
  const missed = (catchUp: CatchUp, overlap: Overlap): string[] => {
    if (catchUp === 'none') return ['skipped'];
    if (catchUp === 'last') return ['skipped', 'enqueued'];
    if (overlap === 'allow') return ['enqueued', 'enqueued', 'enqueued'];
    if (overlap === 'cancel_previous') return ['skipped', 'skipped', 'enqueued'];
    return ['enqueued', ...Array(2).fill(overlap === 'queue' ? 'waiting' : 'skipped')];
  };
  const table = (['none', 'last', 'all'] as const).flatMap((catchUp) =>
    (['allow', 'skip', 'queue', 'cancel_previous'] as const).map(
      (overlap) => [catchUp, overlap, missed(catchUp, overlap)] as const,
    ),
  );

  it('catches up after downtime as it says, whatever the overlap', async () => {
    const harness = await start([noop]); // no worker: what is enqueued does not end
    for (const [catchUp, overlap, expected] of table) {
      const { id } = await makeSchedule(harness, { name: `${catchUp} ${overlap}`, catchUp, overlap });
      const before = Date.now();
      await letPass(harness, id, 3.5 * HOUR);
      const runs = await runsAre(harness, id, `${catchUp} ${overlap}`, ({ length }) => length === expected.length);
      expect([catchUp, overlap, ...outcomes(runs)]).toEqual([catchUp, overlap, ...expected]);
      for (const { jobId, outcome } of runs) expect(jobId === null).toBe(outcome !== 'enqueued');
      const next = (await nextDueOf(harness, id))?.getTime() ?? 0;
      expect(next - before).toBeGreaterThan(0.4 * HOUR);
      expect(next - before).toBeLessThan(0.6 * HOUR);
    }
  });

  it('waits with overlap queue, and starts what waits when the job before has ended', async () => {
    const gate = new Gate();
    const harness = await start([gated(gate)]);
    await harness.startWorker({ concurrency: 5 });
    const { id } = await makeSchedule(harness, { type: 'gated:job', overlap: 'queue', catchUp: 'all' });
    await letPass(harness, id, 3.5 * HOUR);
    const runs = await runsAre(harness, id, 'one runs, two wait', (all) => count(all, 'waiting') === 2);
    await waitFor(() => gate.arrivals === 1, { describe: 'the first runs' });
    const [first] = runs;
    await cancelJob(harness.engine, everyone, first?.jobId ?? '');
    const after = await runsAre(harness, id, 'the next has started', (all) => count(all, 'waiting') === 1);
    expect(outcomes(after)).toEqual(['enqueued', 'enqueued', 'waiting']);
    gate.open();
    const all = await runsAre(harness, id, 'all have started', (each) => count(each, 'enqueued') === 3);
    for (const { jobId } of all.slice(1)) {
      expect(await harness.ended(jobId ?? '')).toMatchObject({ status: 'completed', scheduleId: id });
    }
    expect(new Set(all.map(({ jobId }) => jobId)).size).toBe(3);
  });

  it('skips with overlap skip while the job before runs, and fires again once it has ended', async () => {
    const gate = new Gate();
    const harness = await start([gated(gate)]);
    await harness.startWorker();
    const { id } = await makeSchedule(harness, { type: 'gated:job', overlap: 'skip' });
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const [first] = await runsAre(harness, id, 'the first has fired', ({ length }) => length === 1);
    await waitFor(() => gate.arrivals === 1, { describe: 'the first runs' });
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    await runsAre(harness, id, 'the second was skipped', (runs) => count(runs, 'skipped') === 1);
    gate.open();
    await harness.ended(first?.jobId ?? '');
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const runs = await runsAre(harness, id, 'the third has fired', ({ length }) => length === 3);
    expect(outcomes(runs).toSorted()).toEqual(['enqueued', 'enqueued', 'skipped']);
  });

  it('cancels the job before with overlap cancel_previous', async () => {
    const gate = new Gate();
    const harness = await start([gated(gate)]);
    await harness.startWorker();
    const { id } = await makeSchedule(harness, { type: 'gated:job', overlap: 'cancel_previous' });
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const [first] = await runsAre(harness, id, 'the first has fired', ({ length }) => length === 1);
    await waitFor(() => gate.arrivals === 1, { describe: 'the first runs' });
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const runs = await runsAre(harness, id, 'the second has fired', ({ length }) => length === 2);
    expect(await harness.ended(first?.jobId ?? '')).toMatchObject({ status: 'cancelled' });
    const second = runs.find(({ jobId }) => jobId !== first?.jobId);
    gate.open();
    expect(await harness.ended(second?.jobId ?? '')).toMatchObject({ status: 'completed' });
  });

  it('has one run and one job for each due time, whoever else fires at the same time', async () => {
    const harness = await start([noop]);
    const others = [await start([noop], { beside: harness }), await start([noop], { beside: harness })];
    const schedules = await Promise.all(
      Array.from({ length: 5 }, () => makeSchedule(harness, { everyMs: 60_000, catchUp: 'all' })),
    );
    for (const { id } of schedules) await letPass(harness, id, 300 * 60_000);
    await Promise.all([harness, ...others].flatMap(({ engine }) => [fireDue(engine), fireDue(engine)]));
    for (const { id } of schedules) {
      const runs = await runsAre(harness, id, 'all have fired', ({ length }) => length === 300);
      expect(count(runs, 'enqueued')).toBe(300);
      const jobs = await harness.sql('select id from longshore.jobs where schedule_id = $1', [id]);
      expect(jobs).toHaveLength(300);
    }
  });
});

describe('a schedule', () => {
  const start = useHarnesses('postgres');

  it('whose input no longer fits says so, and goes on', async () => {
    const before = defineJob({ type: 'noop:job', input: z.object({ n: z.number() }), run: () => null });
    const harness = await start([before]);
    const { id } = await makeSchedule(harness, { input: { n: 1 } });
    await harness.sql(`update longshore.schedules set input = '{"n": "one"}' where id = $1`, [id]);
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const [run] = await runsAre(harness, id, 'it was rejected', (runs) => count(runs, 'rejected') === 1);
    expect(run).toMatchObject({ jobId: null, detail: expect.stringContaining('input.n') });
    const row = await requireSchedule(harness.engine, everyone, id);
    expect(row).toMatchObject({ lastError: expect.stringContaining('input.n'), nextDueAt: expect.any(Date) });
    expect(harness.lines().find((line) => line.scheduleId === id)?.level).toBe('warn');
    await harness.sql(`update longshore.schedules set input = '{"n": 2}' where id = $1`, [id]);
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    await runsAre(harness, id, 'it fires again', (runs) => count(runs, 'enqueued') === 1);
    expect((await requireSchedule(harness.engine, everyone, id)).lastError).toBeNull();
  });

  it.each([
    ['max_per_day', 'maxPerDay'],
    ['max_queued', 'maxQueued'],
  ])('of a tenant at its limit (%s) is rejected with the reason, also by hand', async (column, limit) => {
    const harness = await start([noop]);
    const { engine } = harness;
    await harness.sql(`insert into longshore.tenants (name, ${column}) values ('small', 0)`);
    await engine.limits.reread();
    const { id } = await makeSchedule(harness, { tenant: 'small' });
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const runs = await runsAre(harness, id, 'it was rejected', ({ length }) => length === 1);
    expect(runs).toMatchObject([{ outcome: 'rejected', jobId: null, detail: expect.stringContaining(limit) }]);
    const row = await requireSchedule(engine, everyone, id);
    expect(row).toMatchObject({ lastError: expect.stringContaining(limit), nextDueAt: expect.any(Date) });
    await expect(triggerSchedule(engine, everyone, id, createId())).rejects.toMatchObject({
      code: 'TENANT_LIMIT_REACHED',
    });
    expect(await harness.sql('select id from longshore.jobs')).toEqual([]);
  });

  it('cancels nothing with overlap cancel_previous when its next job is refused', async () => {
    const harness = await start([noop]); // no worker: what is enqueued does not end
    await harness.sql(`insert into longshore.tenants (name, max_per_day) values ('small', 1)`);
    await harness.engine.limits.reread();
    const { id } = await makeSchedule(harness, { tenant: 'small', overlap: 'cancel_previous' });
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const [first] = await runsAre(harness, id, 'the first has fired', (runs) => count(runs, 'enqueued') === 1);
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    await runsAre(harness, id, 'the second was rejected', (runs) => count(runs, 'rejected') === 1);
    expect(await harness.job(first?.jobId ?? '')).toMatchObject({ status: 'queued' });
  });

  it('of a type that this program lacks is left to others for a minute, and then rejected', async () => {
    const harness = await start([noop]);
    const { id } = await makeSchedule(harness, {});
    await harness.sql(`update longshore.schedules set type = 'other:job' where id = $1`, [id]);
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    expect(await fireDue(harness.engine)).toBe(0);
    expect(await readRuns(harness, id)).toEqual([]);
    await letPass(harness, id, 61_000);
    await runsAre(harness, id, 'it was rejected', (runs) => count(runs, 'rejected') === 1);
  });

  it('whose job holds its deduplication key skips', async () => {
    const harness = await start([noop]);
    const { id } = await makeSchedule(harness, { options: { deduplicationKey: 'one' } });
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    await runsAre(harness, id, 'it has fired', (runs) => count(runs, 'enqueued') === 1);
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const runs = await runsAre(harness, id, 'it was skipped', (all) => count(all, 'skipped') === 1);
    expect(runs.find(({ outcome }) => outcome === 'skipped')).toMatchObject({
      jobId: null,
      detail: expect.stringContaining('holds its deduplication key'),
    });
  });

  it('that is paused is not due, and starts anew when it is resumed', async () => {
    const harness = await start([noop]);
    const { id } = await makeSchedule(harness, { catchUp: 'all' });
    await editSchedule(harness.engine, everyone, id, { enabled: false });
    expect(await nextDueOf(harness, id)).toBeNull();
    await letPass(harness, id, 10 * HOUR);
    await editSchedule(harness.engine, everyone, id, { enabled: true });
    expect((await nextDueOf(harness, id))?.getTime()).toBeGreaterThan(Date.now());
    expect(await readRuns(harness, id)).toEqual([]);
  });

  it('is triggered by hand once for the same id, also when it is paused', async () => {
    const harness = await start([noop]);
    const { id } = await makeSchedule(harness, { enabled: false, overlap: 'skip' });
    const jobId = createId();
    const first = await triggerSchedule(harness.engine, everyone, id, jobId);
    const again = await triggerSchedule(harness.engine, everyone, id, jobId);
    expect([first.job.id, again.job.id]).toEqual([jobId, jobId]);
    await triggerSchedule(harness.engine, everyone, id, createId());
    const runs = await readRuns(harness, id);
    expect(runs.map(({ kind, outcome }) => `${kind} ${outcome}`)).toEqual(['manual enqueued', 'manual enqueued']);
  });

  it('skips the oldest of more than 10,000 missed due times, and fires all others', async () => {
    const harness = await start([noop]);
    const { id } = await makeSchedule(harness, { everyMs: 1000, catchUp: 'all' });
    await letPass(harness, id, 10_200_000);
    const isDone = async () => ((await nextDueOf(harness, id))?.getTime() ?? 0) > Date.now();
    await waitFor(isDone, { describe: 'it has caught up', timeoutMs: 40_000 });
    const [skipped, ...fired] = await readRuns(harness, id);
    expect(skipped).toMatchObject({ outcome: 'skipped', detail: expect.stringContaining('more than 10000') });
    expect(fired.length).toBeGreaterThanOrEqual(10_000);
    const gaps = fired.slice(1).map(({ dueAt }, index) => dueAt.getTime() - (fired[index]?.dueAt.getTime() ?? 0));
    expect(new Set(gaps)).toEqual(new Set([1000]));
  });

  it('keeps 1,000 runs of its history', async () => {
    const harness = await start([noop], { isFollower: true });
    const { id } = await makeSchedule(harness, { everyMs: 1000, catchUp: 'all' });
    await letPass(harness, id, 1_100_000);
    const runs = await runsAre(harness, id, 'it has caught up', ({ length }) => length >= 1100);
    await editSchedule(harness.engine, everyone, id, { enabled: false });
    const settings = { completedDays: 7, failedDays: 30 };
    while ((await trimScheduleRuns(harness.engine, settings)) < 1000); // a full batch asks for the next
    const kept = await readRuns(harness, id);
    expect(kept).toHaveLength(1000);
    expect(kept.at(-1)?.dueAt.getTime()).toBeGreaterThanOrEqual(runs.at(-1)?.dueAt.getTime() ?? 0);
  });

  it('keeps its history as long as completed jobs, and what still waits', async () => {
    const harness = await start([noop], { isFollower: true });
    const { id } = await makeSchedule(harness, { catchUp: 'all', overlap: 'queue', everyMs: 12 * HOUR });
    await letPass(harness, id, 9 * 24 * HOUR + HOUR);
    await runsAre(harness, id, 'it has caught up', (runs) => runs.length === 18);
    const age = `update longshore.schedule_runs set at = due_at, outcome = 'skipped' where due_at <> (select min(due_at) + interval '12 hours' from longshore.schedule_runs)`;
    await harness.sql(age);
    await trimScheduleRuns(harness.engine, { completedDays: 0, failedDays: 0 });
    expect(await readRuns(harness, id)).toHaveLength(18);
    await trimScheduleRuns(harness.engine, { completedDays: 7, failedDays: 30 });
    const kept = await readRuns(harness, id);
    expect(outcomes(kept).slice(0, 2)).toEqual(['waiting', 'skipped']);
    expect(kept).toHaveLength(15);
  });

  it('fires 10,000 schedules of one moment', async () => {
    const harness = await start([noop]);
    await harness.sql(
      `insert into longshore.schedules (id, tenant, name, type, input, every_ms, next_due_at)
       select gen_random_uuid(), 'default', 'many ' || n, 'noop:job', 'null', 3600000, now() from generate_series(1, 10000) n`,
    );
    harness.engine.scheduler.wake();
    const isDone = async () => {
      const [row] = await harness.sql<{ n: number }>('select count(*)::integer as n from longshore.schedule_runs');
      return row?.n === 10_000;
    };
    await waitFor(isDone, { describe: 'all have fired', timeoutMs: 40_000 });
    const [jobs] = await harness.sql<{ n: number }>(
      'select count(distinct schedule_id)::integer as n from longshore.jobs',
    );
    expect(jobs?.n).toBe(10_000);
  });

  it('belongs to its tenant', async () => {
    const harness = await start([noop]);
    const { engine } = harness;
    const { id } = await makeSchedule(harness, { tenant: 'acme', name: 'one' });
    const rival = { scope: { tenant: 'rival' }, actor: 'test' } as const;
    for (const attempt of [
      () => requireSchedule(engine, rival, id),
      () => editSchedule(engine, rival, id, { enabled: false }),
      () => deleteSchedule(engine, rival, id),
      () => triggerSchedule(engine, rival, id, createId()),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await letPass(harness, id, JUST_OVER_AN_HOUR);
    const [run] = await runsAre(harness, id, 'it has fired', ({ length }) => length === 1);
    expect((await harness.job(run?.jobId ?? '')).tenant).toBe('acme');
    await expect(makeSchedule(harness, { tenant: 'acme', name: 'one' })).rejects.toMatchObject({
      code: 'SCHEDULE_NAME_TAKEN',
    });
    await makeSchedule(harness, { tenant: 'rival', name: 'one' });
  });
});
