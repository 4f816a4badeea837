import { createHash } from 'node:crypto';
import { type Page, toPage } from '../../contract/list.ts';
import { invalidFields } from '../../shared/errors.ts';
import { isId } from '../../shared/ids.ts';
import type { ScheduleRow, ScheduleRunRow } from '../../store/schedule-row.ts';
import type { ScheduleFilter } from '../../store/schedules.ts';
import type { Caller, Engine } from '../engine.ts';
import { requireSchedule } from './manage.ts';

/** Lists schedules, newest first. @throws INVALID_FIELDS for a cursor of another list or filter */
export async function listSchedules(
  engine: Engine,
  caller: Caller,
  filter: ScheduleFilter,
  limit: number,
  cursor: string | undefined,
): Promise<Page<ScheduleRow>> {
  const list = `schedules ${JSON.stringify([filter.type, filter.enabled])}`;
  const before = cursor === undefined ? null : openCursor(list, cursor, isId);
  const rows = await engine.store.schedules.list(caller.scope, filter, limit + 1, before);
  return toPage(rows, limit, ({ id }) => makeCursor(list, id));
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
  const list = `runs ${schedule.id}`;
  const isTime = (text: string) => /^\d{1,15}$/.test(text);
  const before = cursor === undefined ? null : new Date(Number(openCursor(list, cursor, isTime)));
  const rows = await engine.store.schedules.listRuns(schedule.id, limit + 1, before);
  return toPage(rows, limit, ({ dueAt }) => makeCursor(list, String(dueAt.getTime())));
}

/** A place in a list; the mark tells it from a place in any other one. */
function makeCursor(list: string, place: string): string {
  return `${markOf(list)}.${place}`;
}

function openCursor(list: string, cursor: string, isPlace: (text: string) => boolean): string {
  const [mark, place] = cursor.split('.');
  if (mark === markOf(list) && place !== undefined && isPlace(place)) return place;
  throw invalidFields([{ path: 'cursor', message: 'is not a cursor of this list' }]);
}

function markOf(list: string): string {
  return createHash('sha256').update(list).digest('base64url').slice(0, 8);
}
