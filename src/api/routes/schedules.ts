import { z } from 'zod';
import { jobSchema } from '../../contract/job.ts';
import { pageSchema } from '../../contract/list.ts';
import {
  newScheduleSchema,
  type ScheduleResource,
  type ScheduleRunResource,
  scheduleEditSchema,
  scheduleListQuerySchema,
  scheduleRunSchema,
  scheduleRunsQuerySchema,
  scheduleSchema,
} from '../../contract/schedules.ts';
import { findInputFaults } from '../../engine/check-request.ts';
import type { Engine } from '../../engine/engine.ts';
import { listScheduleRuns, listSchedules } from '../../engine/schedules/list.ts';
import { createSchedule, deleteSchedule, editSchedule, requireSchedule } from '../../engine/schedules/manage.ts';
import { listNextRuns } from '../../engine/schedules/timing.ts';
import { triggerSchedule } from '../../engine/schedules/trigger.ts';
import type { ScheduleRow, ScheduleRunRow } from '../../store/schedule-row.ts';
import { retryAfterOf, toEnqueuedResource } from '../job-resource.ts';
import { type Route, route } from '../route.ts';

/** Jobs that are enqueued by themselves. */
export function scheduleRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/schedules',
      scope: 'jobs:read',
      summary: 'List schedules, newest first',
      query: scheduleListQuerySchema,
      answers: { 200: pageSchema(scheduleSchema) },
      async handle({ caller, query: { limit, cursor, ...filter } }) {
        const page = await listSchedules(engine, caller, filter, limit, cursor);
        return { status: 200, body: { ...page, items: page.items.map(toResource) } };
      },
    }),
    route({
      method: 'post',
      path: '/v1/schedules',
      scope: 'jobs:write',
      summary: 'Create a schedule: cron, an interval, or one time',
      isIdempotent: true,
      body: newScheduleSchema,
      findMoreFaults: (body) => findInputFaults(engine, body),
      answers: { 201: scheduleSchema },
      responseHeaders: ['Location'],
      async handle({ caller, body, seed }) {
        const row = await createSchedule(engine, caller, body, seed);
        return { status: 201, headers: { Location: pathOf(row.id) }, body: toResource(row) };
      },
    }),
    route({
      method: 'get',
      path: '/v1/schedules/{id}',
      scope: 'jobs:read',
      summary: 'Read a schedule and its next due times',
      answers: { 200: scheduleSchema },
      async handle({ caller, params }) {
        return { status: 200, body: toResource(await requireSchedule(engine, caller, params.id ?? '')) };
      },
    }),
    route({
      method: 'patch',
      path: '/v1/schedules/{id}',
      scope: 'jobs:write',
      summary: 'Change, pause or resume a schedule',
      body: scheduleEditSchema,
      answers: { 200: scheduleSchema },
      async handle({ caller, params, body }) {
        return { status: 200, body: toResource(await editSchedule(engine, caller, params.id ?? '', body)) };
      },
    }),
    route({
      method: 'delete',
      path: '/v1/schedules/{id}',
      scope: 'jobs:write',
      summary: 'Remove a schedule and its history; its jobs stay',
      answers: { 204: null },
      async handle({ caller, params }) {
        await deleteSchedule(engine, caller, params.id ?? '');
        return { status: 204 };
      },
    }),
    route({
      method: 'post',
      path: '/v1/schedules/{id}/trigger',
      scope: 'jobs:write',
      summary: 'Enqueue the job of a schedule now',
      isIdempotent: true,
      body: z.strictObject({}),
      answers: { 202: jobSchema },
      responseHeaders: ['Location', 'Retry-After'],
      async handle({ caller, params, seed }) {
        const enqueued = await triggerSchedule(engine, caller, params.id ?? '', seed);
        const headers = { Location: `/v1/jobs/${enqueued.job.id}`, ...retryAfterOf(enqueued.job, Date.now()) };
        return { status: 202, headers, body: toEnqueuedResource(enqueued) };
      },
    }),
    route({
      method: 'get',
      path: '/v1/schedules/{id}/runs',
      scope: 'jobs:read',
      summary: 'List what became of the due times of a schedule, newest first',
      query: scheduleRunsQuerySchema,
      answers: { 200: pageSchema(scheduleRunSchema) },
      async handle({ caller, params, query: { limit, cursor } }) {
        const page = await listScheduleRuns(engine, caller, params.id ?? '', limit, cursor);
        return { status: 200, body: { ...page, items: page.items.map(toRunResource) } };
      },
    }),
  ];
}

function pathOf(id: string): string {
  return `/v1/schedules/${id}`;
}

function toResource(row: ScheduleRow): ScheduleResource {
  const { definitionHash: _hash, servedAt: _served, anchorAt: _anchor, lastDueAt, nextDueAt, ...shown } = row;
  const self = pathOf(row.id);
  return {
    ...shown,
    runAt: toText(row.runAt),
    enabled: row.enabled && row.retiredAt === null,
    retiredAt: toText(row.retiredAt),
    nextRunAt: toText(nextDueAt),
    lastRunAt: toText(lastDueAt),
    lastError: row.retiredAt === null ? row.lastError : 'no program defines it any more',
    nextRuns: listNextRuns(row).map((at) => at.toISOString()),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
    links: { self, runs: `${self}/runs`, trigger: `${self}/trigger` },
  };
}

function toRunResource({ scheduleId: _id, dueAt, at, ...run }: ScheduleRunRow): ScheduleRunResource {
  return { ...run, dueAt: dueAt.toISOString(), at: at.toISOString() };
}

function toText(at: Date | null): string | null {
  return at?.toISOString() ?? null;
}
