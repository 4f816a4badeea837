import { z } from 'zod';
import { isUsableTime, jobOptionsSchema, tenantSchema } from './enqueue.ts';
import { text } from './filter.ts';
import { pageQuerySchema } from './list.ts';

const time = z.iso.datetime();

export const catchUps = ['none', 'last', 'all'] as const;
export type CatchUp = (typeof catchUps)[number];
export const overlaps = ['allow', 'skip', 'queue', 'cancel_previous'] as const;
export type Overlap = (typeof overlaps)[number];
export const scheduleSources = ['api', 'code'] as const;
export type ScheduleSource = (typeof scheduleSources)[number];
export const runKinds = ['due', 'catch_up', 'manual'] as const;
export type RunKind = (typeof runKinds)[number];
export const runOutcomes = ['enqueued', 'skipped', 'waiting', 'rejected'] as const;
export type RunOutcome = (typeof runOutcomes)[number];

export const MIN_EVERY_MS = 1000;
export const MAX_EVERY_MS = 10 * 366 * 24 * 3_600_000;

/** Of the options of a job those that make sense for one that is due again and again. */
const {
  runAt: _runAt,
  delayMs: _delayMs,
  tenant: _tenant,
  batchId: _batchId,
  ...optionsShape
} = jobOptionsSchema.shape;
export const scheduleOptionsSchema = z.strictObject(optionsShape);
export type ScheduleOptions = z.infer<typeof scheduleOptionsSchema>;

const nameSchema = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

const timingShape = {
  cron: z.string().max(200).optional().meta({ description: 'Five fields, or six with the second before them.' }),
  everyMs: z.int().min(MIN_EVERY_MS).max(MAX_EVERY_MS).optional(),
  runAt: z.iso
    .datetime({ offset: true, abort: true })
    .refine(isUsableTime, 'must be in the years 1970 to 9999')
    .optional(),
};

const sharedShape = {
  timeZone: z.string().min(1).max(100).meta({ description: 'Of the IANA database; default UTC.' }),
  catchUp: z.enum(catchUps),
  overlap: z.enum(overlaps),
  enabled: z.boolean(),
};

const input = z.unknown().refine((value) => value !== undefined, 'is required');
const type = z.string().min(1).max(200);
const timings = Object.keys(timingShape) as (keyof typeof timingShape)[];
type Timings = { [Name in keyof typeof timingShape]?: unknown };
const countTimings = (body: Timings) => timings.filter((name) => body[name] !== undefined).length;

export const newScheduleSchema = z
  .strictObject({
    name: nameSchema,
    tenant: tenantSchema.optional(),
    type,
    input,
    options: scheduleOptionsSchema.default({}),
    ...timingShape,
    timeZone: sharedShape.timeZone.default('UTC'),
    catchUp: sharedShape.catchUp.default('last'),
    overlap: sharedShape.overlap.default('allow'),
    enabled: sharedShape.enabled.default(true),
  })
  .refine((body) => countTimings(body) === 1, 'needs exactly one of cron, everyMs and runAt')
  .meta({ id: 'NewSchedule' });
export type NewScheduleRequest = z.infer<typeof newScheduleSchema>;
export type NewScheduleInput = z.input<typeof newScheduleSchema>;

/** One of cron, everyMs and runAt takes the place of the one before. */
export const scheduleEditSchema = z
  .strictObject({
    name: nameSchema.optional(),
    type: type.optional(),
    input: input.optional(),
    options: scheduleOptionsSchema.optional(),
    ...timingShape,
    timeZone: sharedShape.timeZone.optional(),
    catchUp: sharedShape.catchUp.optional(),
    overlap: sharedShape.overlap.optional(),
    enabled: sharedShape.enabled.optional(),
  })
  .refine((body) => countTimings(body) <= 1, 'takes only one of cron, everyMs and runAt')
  .meta({ id: 'ScheduleEdit' });
export type ScheduleEdit = z.infer<typeof scheduleEditSchema>;
export type ScheduleEditInput = z.input<typeof scheduleEditSchema>;

export const scheduleSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    tenant: z.string(),
    type: z.string(),
    input: z.unknown(),
    options: z.record(z.string(), z.unknown()),
    cron: z.string().nullable(),
    everyMs: z.int().nullable(),
    runAt: time.nullable(),
    timeZone: z.string(),
    catchUp: z.enum(catchUps),
    overlap: z.enum(overlaps),
    enabled: z.boolean().meta({ description: 'Whether it is due at all: false when paused, or gone from the code.' }),
    source: z.enum(scheduleSources),
    retiredAt: time.nullable().meta({ description: 'Since when the code no longer defines it.' }),
    nextRunAt: time.nullable(),
    lastRunAt: time.nullable(),
    lastError: z.string().nullable().meta({ description: 'Why its last due time made no job.' }),
    nextRuns: z.array(time).meta({ description: 'At most ten.' }),
    createdAt: time,
    updatedAt: time,
    links: z.object({ self: z.string(), runs: z.string(), trigger: z.string() }),
  })
  .meta({ id: 'Schedule' });
export type ScheduleResource = z.infer<typeof scheduleSchema>;

export const scheduleRunSchema = z
  .object({
    dueAt: time,
    kind: z.enum(runKinds),
    outcome: z.enum(runOutcomes),
    jobId: z.uuid().nullable(),
    detail: z.string().nullable(),
    at: time.meta({ description: 'When the outcome was recorded.' }),
  })
  .meta({ id: 'ScheduleRun' });
export type ScheduleRunResource = z.infer<typeof scheduleRunSchema>;

export const scheduleListQuerySchema = z.strictObject({
  ...pageQuerySchema.shape,
  type: text(200).optional().meta({ description: 'Only schedules of this type of job.' }),
  enabled: z
    .enum(['true', 'false'], 'must be true or false')
    .transform((text) => text === 'true')
    .optional()
    .meta({ description: 'With true only those that are due at all, with false only the others.' }),
});
export const scheduleRunsQuerySchema = pageQuerySchema;
