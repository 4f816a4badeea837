import { z } from 'zod';
import { SHORTEST_WORD, splitWords } from '../shared/search-words.ts';
import { isUsableTime } from './enqueue.ts';
import { type JobStatus, jobStatuses, jobStatusSchema } from './job.ts';

/** Which jobs: all that is named must hold. A list, a bulk action and the client write it alike. */
export interface JobFilter {
  status?: JobStatus[] | undefined;
  /** Exactly this one, or with `:*` at its end all that begin so: `video:*`. */
  type?: string | undefined;
  queue?: string | undefined;
  tenant?: string | undefined;
  /** All of these. */
  tag?: string[] | undefined;
  parentId?: string | undefined;
  batchId?: string | undefined;
  scheduleId?: string | undefined;
  /** Of this time or later, e.g. `2030-01-31T08:00:00Z`. */
  createdAfter?: string | undefined;
  /** Earlier than this time. */
  createdBefore?: string | undefined;
  finishedAfter?: string | undefined;
  finishedBefore?: string | undefined;
  /** Words, each of which begins a word of the type, the input or, once the job has failed, the error's message. */
  q?: string | undefined;
  fingerprint?: string | undefined;
  ids?: string[] | undefined;
  /** The value at a dotted path: a text, or what JSON writes so; in an array, one of its items. */
  [path: ValuePath]: string;
}

export type InputPath = `input.${string}`;
export type MetadataPath = `metadata.${string}`;
export type ValuePath = InputPath | MetadataPath;
const PATH_PREFIX = /^(input|metadata)\./;
const PATH_MAX = 500;
const VALUE_MAX = 1000;
const TAGS_MAX = 20;
export const IDS_MAX = 1000;

/** Text that PostgreSQL can store, and compare with. */
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\u0000'), { abort: true, error: 'must not contain NUL (U+0000)' })
    .refine((value) => value.isWellFormed(), { abort: true, error: 'must not contain half of a surrogate pair' });

const time = z.iso
  .datetime({ offset: true, abort: true, error: 'must be a time, e.g. 2030-01-31T08:00:00Z' })
  .refine(isUsableTime, 'must be in the years 1970 to 9999');

const typeFilter = text(200).refine(
  (type) => !type.slice(0, -2).includes('*') && (!type.includes('*') || /.:\*$/.test(type)),
  'must be a type, or the beginning of types and ":*", e.g. video:*',
);

/** In a query it may be given several times. */
const tags = z.union(
  [text(100).transform((tag) => [tag]), z.array(text(100)).max(TAGS_MAX)],
  `must be a tag, or several, at most ${TAGS_MAX}, of at most 100 characters`,
);

const words = text(200).refine(
  (q) => splitWords(q).some((word) => word.length >= SHORTEST_WORD),
  `must have a word of at least ${SHORTEST_WORD} letters or digits`,
);

export const fingerprintSchema = text(64);

/** What every filter has, whatever the statuses that it is about. */
export const filterShape = {
  type: typeFilter.optional(),
  queue: text(100).optional(),
  tenant: text(100).optional(),
  tag: tags.optional(),
  parentId: z.uuid().optional(),
  batchId: z.uuid().optional(),
  scheduleId: z.uuid().optional(),
  createdAfter: time.optional(),
  createdBefore: time.optional(),
  finishedAfter: time.optional(),
  finishedBefore: time.optional(),
  q: words.optional(),
  fingerprint: fingerprintSchema.optional(),
};

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
const pathValueSchema = z.union([text(VALUE_MAX), z.number(), z.boolean(), z.null()]);

/** An object that takes `input.<path>` and `metadata.<path>` beside the fields of its shape, and nothing else. */
export function withValuePaths<Shape extends z.ZodRawShape>(shape: Shape) {
  type Filter = z.output<z.ZodObject<Shape>> & { [path: ValuePath]: string };
  const known = [...Object.keys(shape), 'input.<path>', 'metadata.<path>'].join(', ');
  return z
    .object(shape)
    .catchall(z.unknown())
    .superRefine(
      (filter, { issues }) => {
        for (const [key, value] of Object.entries(filter ?? {})) {
          if (Object.hasOwn(shape, key)) continue;
          const faults = isValuePath(key) ? findPathFaults(key, value) : [`is not known here; there are ${known}`];
          issues.push(...faults.map((message) => toIssue(key, message, value)));
        }
      },
      { when: () => true }, // also where a field has a fault: a caller hears of all at once
    )
    .transform((filter) => {
      const entries = Object.entries(filter).map(([key, value]) => [key, isValuePath(key) ? String(value) : value]);
      return Object.fromEntries(entries) as Filter;
    });
}

function toIssue(key: string, message: string, input: unknown) {
  return { code: 'custom' as const, path: [key], message, input };
}

function findPathFaults(key: ValuePath, value: unknown): string[] {
  const isPath =
    key.length <= PATH_MAX &&
    !key.includes('\u0000') &&
    key.isWellFormed() &&
    readValuePath(key).path.every((name) => name !== '');
  const faults = isPath ? [] : [`must be names of fields joined by dots, at most ${PATH_MAX} characters`];
  if (pathValueSchema.safeParse(value).success) return faults;
  return [...faults, `must be a text of at most ${VALUE_MAX} characters, a number, true, false or null`];
}

/** `input.customer.id` → the column `input` and the path `['customer', 'id']` */
export function readValuePath(key: ValuePath): { column: 'input' | 'metadata'; path: string[] } {
  const [column, ...path] = key.split('.');
  return { column: column === 'metadata' ? 'metadata' : 'input', path };
}

export function isValuePath(key: string): key is ValuePath {
  return PATH_PREFIX.test(key);
}

const deadLetterShape = {
  ...filterShape,
  ids: z.array(z.uuid()).max(IDS_MAX).optional(),
};

/** In a body: as in a list, and by ids. */
export const bulkFilterSchema = withValuePaths({
  ...deadLetterShape,
  status: statusesSchema.optional(),
}).meta({ id: 'JobFilter' });

/** The same for jobs that failed. */
export const deadLetterFilterSchema = withValuePaths(deadLetterShape).meta({ id: 'DeadLetterFilter' });
