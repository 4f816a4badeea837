import { type NewScheduleInput, newScheduleSchema } from '../../src/contract/schedules.ts';
import { createSchedule } from '../../src/engine/schedules/manage.ts';
import { createId } from '../../src/shared/ids.ts';
import type { ScheduleRow, ScheduleRunRow } from '../../src/store/schedule-row.ts';
import { everyone, type Harness } from './harness.ts';
import { waitFor } from './wait-for.ts';

/** Creates a schedule; without a time of its own one that is due in an hour, and each hour after. */
export function makeSchedule(harness: Harness, schedule: Partial<NewScheduleInput>): Promise<ScheduleRow> {
  const hasTime = schedule.cron !== undefined || schedule.everyMs !== undefined || schedule.runAt !== undefined;
  const request = newScheduleSchema.parse({
    ...{ name: `schedule ${createId()}`, type: 'noop:job', input: null },
    ...(hasTime ? {} : { everyMs: 3_600_000 }),
    ...schedule,
  });
  return createSchedule(harness.engine, everyone, request, createId());
}

/** As if so much time had passed: moves all times of a schedule into the past, and wakes those who look. */
export async function letPass(harness: Harness, id: string, ms: number): Promise<void> {
  await harness.sql(
    `update longshore.schedules
     set anchor_at = anchor_at - $2::bigint * interval '1 millisecond',
       next_due_at = next_due_at - $2::bigint * interval '1 millisecond'
     where id = $1`,
    [id, ms],
  );
  harness.engine.scheduler.announce([id]);
}

/** Waits until what became of the due times is as wanted. Oldest first. */
export function runsAre(
  harness: Harness,
  id: string,
  describe: string,
  holds: (runs: ScheduleRunRow[]) => boolean,
): Promise<ScheduleRunRow[]> {
  const look = async () => {
    const runs = await readRuns(harness, id);
    return holds(runs) ? runs : undefined;
  };
  return waitFor(look, { describe, timeoutMs: 20_000 });
}

export async function readRuns(harness: Harness, id: string): Promise<ScheduleRunRow[]> {
  return (await harness.engine.store.schedules.listRuns('all', id, 20_000, null)).reverse();
}
