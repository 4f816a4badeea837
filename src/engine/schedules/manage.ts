import type { NewScheduleRequest, ScheduleEdit } from '../../contract/schedules.ts';
import { createDueTimes, findTimingFaults, type Timing } from '../../shared/due-times.ts';
import { AppError, type FieldError, invalidFields, isAppError } from '../../shared/errors.ts';
import { isId } from '../../shared/ids.ts';
import { isUniqueViolation } from '../../store/database-errors.ts';
import type { ScheduleRow } from '../../store/schedule-row.ts';
import type { ScheduleFields } from '../../store/schedules.ts';
import { inTransaction, type Store } from '../../store/store.ts';
import { recordAudit } from '../audit.ts';
import { chooseTenant } from '../check-request.ts';
import type { Caller, Engine } from '../engine.ts';
import { prepareScheduled, type ScheduledRequest } from './prepare.ts';
import { timingOf, toDate, toTiming, toTimingColumns } from './timing.ts';

/**
 * Creates a schedule; its type and input are checked as those of a job.
 * @param id its id; where there is one already, that is returned
 * @throws INVALID_FIELDS with every fault, UNKNOWN_TYPE, ADDRESS_REFUSED, SCHEDULE_NAME_TAKEN, STORE_UNAVAILABLE
 */
export async function createSchedule(
  engine: Engine,
  caller: Caller,
  request: NewScheduleRequest,
  id: string,
): Promise<ScheduleRow> {
  const { name, type, input, options, catchUp, overlap, enabled } = request;
  const tenant = chooseTenant(caller, request.tenant);
  if (tenant === undefined) throw invalidFields([{ path: 'tenant', message: 'is not the tenant of this key' }]);
  const nowMs = await engine.store.schedules.nowMs();
  const timing = toTiming(request, nowMs);
  await check(engine, caller, { id, tenant, type, input, options }, findTimingFaults(timing, nowMs));
  const schedule = {
    ...{ id, tenant, name, type, input, options, catchUp, overlap, enabled },
    ...toTimingColumns(timing),
    nextDueAt: enabled ? toDate(createDueTimes(timing).after(nowMs)) : null,
  };
  const row = await inTransaction(engine.store, async (store) => {
    const inserted = await store.schedules.insert(schedule);
    if (!inserted) return store.schedules.get(caller.scope, id); // made by the same call before
    await recordAudit(store, caller, { action: 'schedule.create', target: id, tenant, details: { name, type } });
    return inserted;
  });
  if (!row) throw nameTaken(name);
  engine.scheduler.announce([id]);
  return row;
}

/**
 * Changes a schedule. A new time, and the end of a pause, count from now: what would have been due before is not missed.
 * @throws NOT_FOUND, SCHEDULE_IN_CODE for anything but a pause, and as {@link createSchedule}
 */
export async function editSchedule(
  engine: Engine,
  caller: Caller,
  id: string,
  edit: ScheduleEdit,
): Promise<ScheduleRow> {
  try {
    const row = await inTransaction(engine.store, async (store) => {
      const before = await lockSchedule(store, caller, id);
      refuseIfInCode(before, edit);
      const fields = await mergeEdit(engine, caller, before, edit, await store.schedules.nowMs());
      if (await store.schedules.isNameTaken(before.tenant, fields.name, id)) throw nameTaken(fields.name);
      const details = { name: before.name, changed: Object.keys(edit) };
      await recordAudit(store, caller, { action: 'schedule.edit', target: id, tenant: before.tenant, details });
      return (await store.schedules.update(caller.scope, id, fields)) ?? before;
    });
    engine.scheduler.announce([id]);
    return row;
  } catch (error) {
    throw isUniqueViolation(error) ? nameTaken(edit.name ?? '') : error; // it was taken in between
  }
}

/**
 * Removes a schedule with its history; jobs that it has enqueued stay.
 * @returns what was removed
 * @throws NOT_FOUND, SCHEDULE_IN_CODE while a program defines it, STORE_UNAVAILABLE
 */
export async function deleteSchedule(engine: Engine, caller: Caller, id: string): Promise<ScheduleRow> {
  const row = await inTransaction(engine.store, async (store) => {
    const before = await lockSchedule(store, caller, id);
    if (before.source === 'code' && before.retiredAt === null) throw inCode(before);
    const { name, type, tenant } = before;
    await recordAudit(store, caller, { action: 'schedule.delete', target: id, tenant, details: { name, type } });
    await store.schedules.remove(caller.scope, id);
    return before;
  });
  engine.scheduler.announce([id]);
  return row;
}

/** @throws NOT_FOUND, also for another tenant's schedule */
export async function requireSchedule(engine: Engine, caller: Caller, id: string): Promise<ScheduleRow> {
  const row = isId(id) ? await engine.store.schedules.get(caller.scope, id) : undefined;
  if (!row) throw notFound(id);
  return row;
}

async function lockSchedule(store: Store, caller: Caller, id: string): Promise<ScheduleRow> {
  const row = isId(id) ? await store.schedules.lock(caller.scope, id) : undefined;
  if (!row) throw notFound(id);
  return row;
}

async function mergeEdit(
  engine: Engine,
  caller: Caller,
  before: ScheduleRow,
  edit: ScheduleEdit,
  nowMs: number,
): Promise<ScheduleFields> {
  const { name, type, options, catchUp, overlap, enabled } = { ...before, ...withoutUndefined(edit) };
  const input = edit.input === undefined ? before.input : edit.input; // null is an input
  const timing = mergeTiming(before, edit, nowMs);
  const isRetimed = timing !== undefined;
  if (
    isRetimed ||
    'input' in edit ||
    edit.type !== undefined ||
    edit.options !== undefined ||
    edit.name !== undefined
  ) {
    const faults = isRetimed ? findTimingFaults(timing, nowMs) : [];
    await check(engine, caller, { ...before, type, input, options }, faults);
  }
  const after = timing ?? timingOf(before);
  const isKept = before.enabled && !isRetimed;
  const nextDueAt = isKept ? before.nextDueAt : toDate(createDueTimes(after).after(nowMs));
  return {
    ...{ name, type, input, options, catchUp, overlap, enabled },
    ...toTimingColumns(after),
    nextDueAt: enabled && before.retiredAt === null ? nextDueAt : null,
  };
}

/** @returns undefined when its times stay as they are */
function mergeTiming(before: ScheduleRow, edit: ScheduleEdit, nowMs: number): Timing | undefined {
  const { cron, everyMs, runAt, timeZone = before.timeZone } = edit;
  const isNew = cron !== undefined || everyMs !== undefined || runAt !== undefined;
  if (isNew) return toTiming({ cron, everyMs, runAt, timeZone }, nowMs);
  return timeZone === before.timeZone ? undefined : { ...timingOf(before), timeZone };
}

function withoutUndefined(edit: ScheduleEdit): Partial<ScheduleRow> {
  const { name, type, options, catchUp, overlap, enabled } = edit;
  const given = Object.entries({ name, type, options, catchUp, overlap, enabled });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Partial<ScheduleRow>;
}

/** @throws with these faults and those of the job that it would enqueue, all at once */
async function check(
  engine: Engine,
  caller: Caller,
  request: ScheduledRequest,
  timingFaults: readonly FieldError[],
): Promise<void> {
  try {
    await prepareScheduled(engine, caller, request, request.id);
  } catch (error) {
    if (timingFaults.length === 0 || !isAppError(error) || !error.errors) throw error;
    throw invalidFields([...timingFaults, ...error.errors]);
  }
  if (timingFaults.length > 0) throw invalidFields([...timingFaults]);
}

/** What a pause may be told of a schedule that belongs to the code. */
function refuseIfInCode(before: ScheduleRow, edit: ScheduleEdit): void {
  const isPause = Object.keys(edit).every((field) => field === 'enabled');
  if (before.source === 'code' && !isPause) throw inCode(before);
}

function inCode({ name, type }: ScheduleRow): AppError {
  const detail = `schedule "${name}" is defined in code, by the job "${type}": change it there; it can be paused here`;
  return new AppError('SCHEDULE_IN_CODE', detail);
}

function nameTaken(name: string): AppError {
  return new AppError('SCHEDULE_NAME_TAKEN', `the tenant has a schedule named "${name}" already`);
}

function notFound(id: string): AppError {
  return new AppError('NOT_FOUND', `there is no schedule ${id}`);
}
