import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineJob } from './job.ts';
import { definePipeline } from './pipeline.ts';
import { createRegistry } from './registry.ts';
import type { ScheduleDefinition } from './schedule.ts';

const define = (schedule: unknown) =>
  defineJob({
    type: 'test:job',
    input: z.null(),
    schedule: schedule as ScheduleDefinition<null>,
    run: () => null,
  });

describe('the schedule of a definition', () => {
  it('gets its defaults, and the type as its name', () => {
    expect(define({ cron: '@daily', input: null }).schedules).toEqual([
      {
        ...{ name: 'test:job', type: 'test:job', cron: '@daily', input: null, options: {} },
        ...{ timeZone: 'UTC', catchUp: 'last', overlap: 'allow' },
      },
    ]);
    expect(define(undefined).schedules).toEqual([]);
    const pipeline = definePipeline({
      ...{ type: 'test:pipe', input: z.null(), run: () => null },
      schedule: { runAt: new Date(Date.UTC(2030, 0)), input: null },
    });
    expect(pipeline.schedules).toMatchObject([{ runAt: '2030-01-01T00:00:00.000Z' }]);
  });

  it.each([
    [{ input: null }, 'needs exactly one of cron, everyMs and runAt'],
    [{ cron: '@daily', everyMs: 1000, input: null }, 'needs exactly one of'],
    [{ cron: '0 25 * * *', input: null }, 'schedule.cron: hour "25"'],
    [{ cron: '0 0 30 2 *', input: null }, 'schedule.cron: never fires'],
    [{ cron: '@daily', timeZone: 'Mars', input: null }, 'schedule.timeZone: there is no time zone "Mars"'],
    [{ everyMs: 999, input: null }, 'schedule.everyMs'],
    [{ cron: '@daily' }, 'schedule.input: is required'],
    [{ cron: '@daily', input: null, when: 'now' }, 'Unrecognized key'],
    [{ cron: '@daily', input: null, tenant: 'acme' }, 'tenant is not known here'],
    [
      [
        { cron: '@daily', input: null },
        { cron: '@hourly', input: null },
      ],
      'two schedules are named "test:job"',
    ],
  ])('refuses %j', (schedule, fault) => expect(() => define(schedule)).toThrow(fault));

  it('has a name that no other job gives', () => {
    const other = defineJob({
      ...{ type: 'other:job', input: z.null(), run: () => null },
      schedule: { name: 'test:job', cron: '@daily', input: null },
    });
    expect(() => createRegistry([define({ cron: '@daily', input: null }), other])).toThrow(
      'jobs "test:job" and "other:job" both define a schedule "test:job"',
    );
  });
});
