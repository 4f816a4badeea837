import type { Page } from '../../contract/list.ts';
import type { ScheduleRow, ScheduleRunRow } from '../../store/schedule-row.ts';
import type { ScheduleFilter } from '../../store/schedules.ts';
import { BY_ID, type Place, readPage } from '../cursors.ts';
import type { Caller, Engine } from '../engine.ts';
import { requireSchedule } from './manage.ts';

const BY_DUE_TIME: Place<ScheduleRunRow> = { pattern: /^\d{1,15}$/, of: ({ dueAt }) => String(dueAt.getTime()) };

/** Lists schedules, newest first. @throws INVALID_FIELDS for a cursor of another list or filter */
export function listSchedules(
  engine: Engine,
  caller: Caller,
  filter: ScheduleFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<ScheduleRow>> {
  return readPage({ list: 'schedules', caller, filter, limit, cursor }, BY_ID, (before, count) =>
    engine.store.schedules.list(caller.scope, filter, count, before),
  );
}

/** Lists what became of the due times of a schedule, newest first. @throws NOT_FOUND, INVALID_FIELDS */
export async function listScheduleRuns(
  engine: Engine,
  caller: Caller,
  id: string,
  limit: number,
  cursor: string | undefined,
): Promise<Page<ScheduleRunRow>> {
  const schedule = await requireSchedule(engine, caller, id);
  return readPage({ list: `runs of ${schedule.id}`, caller, limit, cursor }, BY_DUE_TIME, (before, count) =>
    engine.store.schedules.listRuns(
      caller.scope,
      schedule.id,
      count,
      before === null ? null : new Date(Number(before)),
    ),
  );
}
