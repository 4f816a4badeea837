import { writeDespiteOthers } from '../../store/contention.ts';
import type { JobHead, JobRow } from '../../store/job-row.ts';
import type { Advance, HeldSchedule } from '../../store/schedule-firing.ts';
import { inTransaction, type Store } from '../../store/store.ts';
import type { Applied } from '../../store/transitions.ts';
import { announceEnded, toCancellation } from '../control.ts';
import type { Engine } from '../engine.ts';
import { applyOverlap, type OpenCounts, planDue } from './plan-due.ts';
import { isEnqueued, prepareRuns, recordJobsOf, type ScheduledRun } from './record-runs.ts';
import { dueTimesOf, toDate } from './timing.ts';

/** Schedules in one transaction, and the due times of all of them together. */
export const BATCH = 200;
const RUNS = 1000;
/** How long a schedule whose type is not known here is left to processes that know it; then it is rejected. */
export const STRANGER_MS = 60_000;

/** What a transaction has done, to be told of once it is committed. */
interface Fired {
  schedules: number;
  runs: readonly ScheduledRun[];
  jobs: readonly JobRow[];
  cancelled: { heads: readonly JobHead[]; ended: readonly Applied[] };
}

const NOTHING: Fired = { schedules: 0, runs: [], jobs: [], cancelled: { heads: [], ended: [] } };

/**
 * Fires a batch of schedules that are due: history, jobs and next due times are one transaction, so that each due time
 * happens once, however many processes see it and whenever they end.
 * @returns how many schedules there were; {@link BATCH} when there may be more
 * @throws STORE_UNAVAILABLE (nothing has happened)
 */
export function fireDue(engine: Engine): Promise<number> {
  return commit(engine, (store) => fireBatch(engine, store));
}

/** Starts due times that have waited for the jobs before them to end. @returns as {@link fireDue} */
export function startWaiting(engine: Engine): Promise<number> {
  return commit(engine, (store) => startBatch(engine, store));
}

async function commit(engine: Engine, work: (store: Store) => Promise<Fired>): Promise<number> {
  const fired = await writeDespiteOthers(() => inTransaction(engine.store, work));
  engine.dispatcher.handOver(fired.jobs);
  for (const { schedule, run } of fired.runs) {
    if (run.outcome !== 'rejected') continue;
    const { id: scheduleId, name: scheduleName, tenant } = schedule;
    engine.log.warn(`schedule "${scheduleName}" made no job: ${run.detail}`, { scheduleId, tenant, dueAt: run.dueAt });
  }
  const { heads, ended } = fired.cancelled;
  if (ended.length > 0) await announceEnded(engine, heads, ended);
  return fired.schedules;
}

async function fireBatch(engine: Engine, store: Store): Promise<Fired> {
  const { scheduleFiring } = store;
  const held = await scheduleFiring.lockDue([...engine.registry.definitions.keys()], STRANGER_MS, BATCH);
  if (held.length === 0) return NOTHING;
  const open = await readOpenWork(store, held);
  const room = Math.floor(RUNS / held.length);
  const plans = held.map((schedule) => planSchedule(schedule, open.get(schedule.id), room));
  const prepared = await prepareRuns(
    engine,
    plans.flatMap(({ runs }) => runs),
  );
  const previous = await listPrevious(store, prepared.runs, open);
  // One that holds the key of the next is in its way; others go once the next is there: a limit of the tenant may refuse it.
  const holdsKey = ({ schedule }: ScheduledRun) => schedule.options.deduplicationKey !== undefined;
  const first = await cancelPrevious(engine, store, previous, prepared.runs.filter(holdsKey));
  const isNew = new Set(
    (await scheduleFiring.insertRuns(prepared.runs.map(({ run }) => run))).map(({ scheduleId, dueAt }) =>
      keyOf(scheduleId, dueAt),
    ),
  );
  const fresh = prepared.runs.filter(({ run }) => isNew.has(keyOf(run.scheduleId, run.dueAt)));
  const freshJobs = new Set(fresh.map(({ run }) => run.jobId));
  const recorded = await recordJobsOf(
    engine,
    store,
    fresh,
    prepared.jobs.filter(({ id }) => freshJobs.has(id)),
  );
  const then = await cancelPrevious(
    engine,
    store,
    previous,
    recorded.runs.filter((each) => !holdsKey(each)),
  );
  const runsOf = Map.groupBy(recorded.runs, ({ schedule }) => schedule.id);
  await scheduleFiring.advance(
    plans.map(({ schedule, nextDueAt }) => toAdvance(schedule.id, nextDueAt, runsOf.get(schedule.id) ?? [])),
  );
  const cancelled = { heads: previous, ended: [...first, ...then] };
  return { schedules: held.length, ...recorded, cancelled };
}

async function startBatch(engine: Engine, store: Store): Promise<Fired> {
  const { scheduleFiring } = store;
  const locked = await scheduleFiring.lockWaiting(BATCH);
  if (locked.length === 0) return NOTHING;
  const open = await readOpenWork(store, locked); // another process may have started one before the lock
  const held = new Map(locked.filter(({ id }) => open.get(id)?.jobs === 0).map((each) => [each.id, each]));
  const next = await scheduleFiring.nextWaiting([...held.keys()]);
  const prepared = await prepareRuns(
    engine,
    next.flatMap((run) => {
      const schedule = held.get(run.scheduleId);
      return schedule ? [{ schedule, run: { ...run, outcome: 'enqueued' as const } }] : [];
    }),
  );
  await scheduleFiring.settleRuns(prepared.runs.map(({ run }) => run));
  const recorded = await recordJobsOf(engine, store, prepared.runs, prepared.jobs);
  await scheduleFiring.advance(
    recorded.runs.map((each) => toAdvance(each.schedule.id, each.schedule.nextDueAt, [each])),
  );
  return { ...NOTHING, schedules: locked.length, ...recorded };
}

interface PlannedSchedule {
  schedule: HeldSchedule;
  runs: ScheduledRun[];
  nextDueAt: Date | null;
}

function planSchedule(schedule: HeldSchedule, open: OpenCounts | undefined, room: number): PlannedSchedule {
  const { id: scheduleId, catchUp, overlap, nowMs } = schedule;
  const dueAt = schedule.nextDueAt?.getTime() ?? nowMs;
  const plan = planDue({ times: dueTimesOf(schedule), catchUp, dueAt, nowMs }, room);
  const runs = applyOverlap(plan.runs, overlap, open ?? { jobs: 0, waiting: 0 }).map((run) => ({
    schedule,
    run: { ...run, scheduleId, dueAt: new Date(run.dueAt), jobId: null },
  }));
  return { schedule, runs, nextDueAt: toDate(plan.nextDueAt) };
}

async function readOpenWork(store: Store, held: readonly HeldSchedule[]): Promise<Map<string, OpenCounts>> {
  const rows = await store.scheduleFiring.findOpenWork(held.map(({ id }) => id));
  return new Map(rows.map(({ scheduleId, ...counts }) => [scheduleId, counts]));
}

/** What a new job of its schedule is to cancel. */
async function listPrevious(
  store: Store,
  runs: readonly ScheduledRun[],
  open: ReadonlyMap<string, OpenCounts>,
): Promise<JobHead[]> {
  const ids = runs
    .filter((each) => each.schedule.overlap === 'cancel_previous' && isEnqueued(each))
    .map(({ schedule }) => schedule.id)
    .filter((id) => (open.get(id)?.jobs ?? 0) > 0);
  return ids.length === 0 ? [] : store.scheduleFiring.listOpenJobs(ids);
}

async function cancelPrevious(
  engine: Engine,
  store: Store,
  previous: readonly JobHead[],
  runs: readonly ScheduledRun[],
): Promise<Applied[]> {
  const ids = new Set(runs.filter(isEnqueued).map(({ schedule }) => schedule.id));
  const heads = previous.filter(({ scheduleId }) => ids.has(scheduleId ?? ''));
  return heads.length === 0 ? [] : store.transitions.apply(heads.map((head) => toCancellation(engine, head)));
}

function toAdvance(id: string, nextDueAt: Date | null, runs: readonly ScheduledRun[]): Advance {
  const enqueued = runs.findLast(isEnqueued);
  const rejected = runs.findLast(({ run }) => run.outcome === 'rejected');
  return {
    id,
    nextDueAt,
    lastDueAt: enqueued?.run.dueAt ?? null,
    ...(rejected ? { lastError: rejected.run.detail } : enqueued ? { lastError: null } : {}),
  };
}

function keyOf(scheduleId: string, dueAt: Date): string {
  return `${scheduleId} ${dueAt.getTime()}`;
}
