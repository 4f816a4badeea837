import { z } from 'zod';
import { isUsableTime } from './enqueue.ts';
import { type JobStatus, jobStatuses, jobStatusSchema } from './job.ts';

/** Which jobs: all that is named must hold. A list, a bulk action and the client write it alike. */
export interface JobFilter {
  status?: JobStatus[] | undefined;
  type?: string | undefined;
  queue?: string | undefined;
  tenant?: string | undefined;
  tag?: string | undefined;
  parentId?: string | undefined;
  batchId?: string | undefined;
  /** Of this time or later, e.g. `2030-01-31T08:00:00Z`. */
  createdAfter?: string | undefined;
  /** Earlier than this time. */
  createdBefore?: string | undefined;
  /** Part of the type, the error's message or the input's text, in capitals or not. */
  q?: string | undefined;
  fingerprint?: string | undefined;
  ids?: string[] | undefined;
  /** The value at a dotted path of the input, as JSON text; a string without its quotes. */
  [path: InputPath]: string;
}

export type InputPath = `input.${string}`;
const INPUT_PREFIX = 'input.';
const PATH_MAX = 500;
const VALUE_MAX = 1000;
export const IDS_MAX = 1000;

/** Text that PostgreSQL can store, and compare with. */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\u0000'), 'must not contain NUL (U+0000)')
    .refine((value) => value.isWellFormed(), 'must not contain half of a surrogate pair');

const time = z.iso
  .datetime({ offset: true, abort: true, error: 'must be a time, e.g. 2030-01-31T08:00:00Z' })
  .refine(isUsableTime, 'must be in the years 1970 to 9999');

/** What every filter has, whatever the statuses that it is about. */
export const filterShape = {
  type: text(200).optional(),
  queue: text(100).optional(),
  tenant: text(100).optional(),
  tag: text(100).optional(),
  parentId: z.uuid().optional(),
  batchId: z.uuid().optional(),
  createdAfter: time.optional(),
  createdBefore: time.optional(),
  q: text(200).min(1).optional(),
};
export const fingerprintSchema = text(64);

/** For a query: `status` takes one or several, separated by commas. */
export const statusListSchema = z
  .string()
  .transform((list) => list.split(','))
  .pipe(z.array(jobStatusSchema));

/** For a body: one status, or an array. */
const statusesSchema = z.union(
  [jobStatusSchema.transform((status) => [status]), z.array(jobStatusSchema)],
  `must be one or several of ${jobStatuses.join(', ')}`,
);

/** The value of `input.<path>`; a body may write a number as one. */
const inputValueSchema = z.union([text(VALUE_MAX), z.number(), z.boolean(), z.null()]);

/** An object that takes `input.<path>` beside the fields of its shape, and nothing else. */
export function withInputPaths<Shape extends z.ZodRawShape>(shape: Shape) {
  type Filter = z.output<z.ZodObject<Shape>> & { [path: InputPath]: string };
  return z
    .object(shape)
    .catchall(z.unknown())
    .superRefine(
      (filter, { issues }) => {
        for (const [key, value] of Object.entries(filter ?? {})) {
          if (Object.hasOwn(shape, key)) continue;
          if (!isInputPath(key)) issues.push({ code: 'unrecognized_keys', keys: [key], input: filter });
          else issues.push(...findPathFaults(key, value).map((message) => toIssue(key, message, value)));
        }
      },
      { when: () => true }, // also where a field has a fault: a caller hears of all at once
    )
    .transform((filter) => {
      const entries = Object.entries(filter).map(([key, value]) => [key, isInputPath(key) ? String(value) : value]);
      return Object.fromEntries(entries) as Filter;
    });
}

function toIssue(key: string, message: string, input: unknown) {
  return { code: 'custom' as const, path: [key], message, input };
}

function findPathFaults(key: InputPath, value: unknown): string[] {
  const isPath =
    key.length <= PATH_MAX &&
    !key.includes('\u0000') &&
    key.isWellFormed() &&
    readInputPath(key).every((name) => name !== '');
  const faults = isPath ? [] : [`must be names of fields joined by dots, at most ${PATH_MAX} characters`];
  if (inputValueSchema.safeParse(value).success) return faults;
  return [...faults, `must be a text of at most ${VALUE_MAX} characters, a number, true, false or null`];
}

/** `input.customer.id` → `['customer', 'id']` */
export function readInputPath(key: InputPath): string[] {
  return key.slice(INPUT_PREFIX.length).split('.');
}

export function isInputPath(key: string): key is InputPath {
  return key.startsWith(INPUT_PREFIX);
}

const deadLetterShape = {
  ...filterShape,
  fingerprint: fingerprintSchema.optional(),
  ids: z.array(z.uuid()).max(IDS_MAX).optional(),
};

/** In a body: as in a list, and by ids and fingerprint. */
export const bulkFilterSchema = withInputPaths({
  ...deadLetterShape,
  status: statusesSchema.optional(),
}).meta({ id: 'JobFilter' });

/** The same for jobs that failed. */
export const deadLetterFilterSchema = withInputPaths(deadLetterShape).meta({ id: 'DeadLetterFilter' });
