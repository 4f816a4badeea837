import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob } from '../../src/define/job.ts';
import type { ScheduleDefinition } from '../../src/define/schedule.ts';
import { DefinitionKeeper, retireGone } from '../../src/engine/schedules/keep-definitions.ts';
import { deleteSchedule, editSchedule } from '../../src/engine/schedules/manage.ts';
import { triggerSchedule } from '../../src/engine/schedules/trigger.ts';
import { createId } from '../../src/shared/ids.ts';
import type { ScheduleRow } from '../../src/store/schedule-row.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';
import { makeSchedule } from '../support/new-schedule.ts';
import { waitFor } from '../support/wait-for.ts';

const nightly = (schedule: Partial<ScheduleDefinition<null>>) =>
  defineJob({
    type: 'night:job',
    input: z.null(),
    schedule: { cron: '0 3 * * *', input: null, ...schedule } as ScheduleDefinition<null>,
    run: () => null,
  });
const find = async (harness: Harness, name = 'night:job'): Promise<ScheduleRow | undefined> =>
  (await harness.engine.store.schedules.list('all', {}, 10, null)).find((row) => row.name === name);
const found = (harness: Harness, describe: string, holds: (row: ScheduleRow) => boolean) =>
  waitFor(
    async () => {
      const row = await find(harness);
      return row && holds(row) ? row : undefined;
    },
    { describe },
  );
const keep = ({ engine }: Harness) => new DefinitionKeeper(engine).keep();

describe('a schedule in code', () => {
  const start = useHarnesses('postgres');

  it('is there after the start, with what the definition says', async () => {
    const job = defineJob({
      type: 'night:job',
      input: z.object({ n: z.int() }),
      schedule: [
        { cron: '0 3 * * *', timeZone: 'Europe/Berlin', input: { n: 1 }, catchUp: 'none', overlap: 'skip' },
        { name: 'night:often', everyMs: 60_000, input: { n: 2 }, options: { priority: 5 } },
      ],
      run: () => null,
    });
    const harness = await start([job]);
    const row = await found(harness, 'the first is there', () => true);
    expect(row).toMatchObject({
      ...{ tenant: 'default', type: 'night:job', cron: '0 3 * * *', timeZone: 'Europe/Berlin', input: { n: 1 } },
      ...{ catchUp: 'none', overlap: 'skip', source: 'code', enabled: true, nextDueAt: expect.any(Date) },
    });
    await waitFor(() => find(harness, 'night:often'), { describe: 'the second is there' });
    expect(await find(harness, 'night:often')).toMatchObject({ everyMs: 60_000, options: { priority: 5 } });
  });

  it('changes with the code, and only then; a pause outlasts both', async () => {
    const harness = await start([nightly({})]);
    const first = await found(harness, 'it is there', () => true);
    await keep(harness);
    expect((await find(harness))?.updatedAt).toEqual(first.updatedAt);
    await editSchedule(harness.engine, everyone, first.id, { enabled: false });
    const newer = await start([nightly({ cron: '0 4 * * *' })], { beside: harness });
    const row = await found(newer, 'it has changed', ({ cron }) => cron === '0 4 * * *');
    expect(row).toMatchObject({ id: first.id, enabled: false, nextDueAt: null });
  });

  it('stays as the newer of two versions says, whichever of them starts again', async () => {
    const older = await start([nightly({})]);
    await found(older, 'it is there', () => true);
    const newer = await start([nightly({ cron: '0 4 * * *' })], { beside: older });
    await found(newer, 'it has changed', ({ cron }) => cron === '0 4 * * *');
    await keep(older);
    await keep(newer);
    await keep(older);
    expect((await find(newer))?.cron).toBe('0 4 * * *');
    // The newer version is rolled back: nobody has it any more.
    const longAgo = `update longshore.schedule_definitions set seen_at = now() - interval '2 minutes' where hash = $1`;
    await older.sql(longAgo, [(await find(newer))?.definitionHash]);
    await keep(older);
    expect((await find(older))?.cron).toBe('0 3 * * *');
  });

  it('is switched off, not deleted, when no program defines it; and comes back with its definition', async () => {
    const harness = await start([nightly({ catchUp: 'all' })]);
    const { id } = await found(harness, 'it is there', () => true);
    expect(await retireGone(harness.engine, 60_000)).toEqual([]);
    await harness.sql(`update longshore.schedule_definitions set seen_at = now() - interval '2 minutes'`);
    expect(await retireGone(harness.engine, 60_000)).toEqual(['night:job']);
    expect(await find(harness)).toMatchObject({ id, nextDueAt: null, retiredAt: expect.any(Date), enabled: true });
    await keep(harness);
    expect(await find(harness)).toMatchObject({ id, nextDueAt: expect.any(Date), retiredAt: null });
    expect((await find(harness))?.nextDueAt?.getTime()).toBeGreaterThan(Date.now());
  });

  it('can be paused, resumed and triggered, but neither changed nor deleted', async () => {
    const harness = await start([nightly({})]);
    const { engine } = harness;
    const { id } = await found(harness, 'it is there', () => true);
    await expect(editSchedule(engine, everyone, id, { cron: '0 5 * * *' })).rejects.toMatchObject({
      code: 'SCHEDULE_IN_CODE',
      message: expect.stringContaining('is defined in code'),
    });
    await expect(deleteSchedule(engine, everyone, id)).rejects.toMatchObject({ code: 'SCHEDULE_IN_CODE' });
    expect((await triggerSchedule(engine, everyone, id, createId())).job.scheduleId).toBe(id);
    await editSchedule(engine, everyone, id, { enabled: false });
    expect((await editSchedule(engine, everyone, id, { enabled: true })).nextDueAt).toEqual(expect.any(Date));
  });

  it('leaves alone one that somebody made by hand, and says so', async () => {
    const plain = defineJob({ type: 'night:job', input: z.null(), run: () => null });
    const harness = await start([plain]);
    await makeSchedule(harness, { name: 'night:job', type: 'night:job' });
    const other = await start([nightly({})], { beside: harness });
    const isSaid = () => other.lines().some(({ message }) => message.includes('was made by hand'));
    await waitFor(isSaid, { describe: 'it is said' });
    expect((await find(harness))?.source).toBe('api');
  });
});
