import type { z } from 'zod';
import { IDEMPOTENCY_HEADER } from '../idempotency.ts';
import type { Route } from '../route.ts';
import { type RequestHeader, requestHeaders } from './headers.ts';
import { type JsonSchema, mediaTypeOf, type WriteSchema } from './schemas.ts';

const pathDescriptions: Record<string, string> = {
  id: 'The id of the one that is meant.',
  name: 'The name of the one that is meant.',
  key: 'The key of the file, `<id>-<name>`.',
};

/** Of parameters whose schema does not say what they mean: the same everywhere. */
const queryDescriptions: Record<string, string> = {
  limit: 'How many, from 1 to 200.',
  cursor: 'The `nextCursor` of the page before.',
  status: 'One status, or where several are allowed a list with commas.',
  type: 'The type of the jobs.',
  queue: 'The queue of the jobs.',
  tenant: 'Whose; for keys that see all tenants.',
  tag: 'A tag that the jobs have; given several times, all of them.',
  batchId: 'The batch that the jobs have joined.',
  scheduleId: 'The schedule that the jobs are of.',
  parentId: 'The pipeline that the jobs are steps of.',
  createdAfter: 'Of this time or later.',
  createdBefore: 'Earlier than this time.',
  finishedAfter: 'Ended at this time or later.',
  finishedBefore: 'Ended earlier than this time.',
  q: 'Words of the type, of the message of the error or of the text of the input.',
  fingerprint: 'The kind of failure, as groups of dead letters have it.',
  groupBy: '`error`: the kinds of failures in place of jobs.',
  wait: 'Holds the call until the job has ended, for at most so many seconds.',
  lastEventId: 'As the header `Last-Event-ID`, which goes before it.',
  depth: 'How many levels of steps of steps are shown.',
  user: 'As the application names its users.',
  from: 'The first day, in UTC.',
  to: 'The last day, in UTC.',
  subscriptionId: 'The subscription that they are owed to.',
  jobId: 'The job that they tell of.',
  name: 'The name.',
  enabled: 'Whether it is switched on.',
  source: 'Where it comes from.',
};

/** Whether its answers have an ETag, and 304 is answered to who knows them: all that is read as JSON. */
export function isVersioned({ method, answers }: Route): boolean {
  return (
    method === 'get' &&
    Object.values(answers).every((schema) => schema !== null && mediaTypeOf(schema) === 'application/json')
  );
}

/** What an operation takes in its path, its query and its headers. */
export function toParameters(each: Route, writeSchema: WriteSchema): unknown[] {
  const headers: RequestHeader[] = [
    ...(each.isIdempotent ? ([IDEMPOTENCY_HEADER] as const) : []),
    ...(each.requestHeaders ?? []),
    ...(isVersioned(each) ? (['If-None-Match'] as const) : []),
  ];
  return [
    ...[...each.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
      name,
      in: 'path',
      required: true,
      description: pathDescriptions[name] ?? `The ${name}.`,
      schema: { type: 'string' },
    })),
    ...queryParameters(each.query, writeSchema),
    ...headers.map((name) => ({ name, in: 'header', required: false, ...requestHeaders[name] })),
  ];
}

function queryParameters(query: z.ZodType | undefined, writeSchema: WriteSchema): unknown[] {
  if (!query) return [];
  const {
    properties = {},
    required = [],
    additionalProperties,
  } = writeSchema(query, 'input') as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
    additionalProperties?: unknown;
  };
  const named = Object.entries(properties).map(([name, { description = queryDescriptions[name], ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
  return additionalProperties === false || additionalProperties === undefined ? named : [...named, pathFilters];
}

/** Names that are made of a path, such as `input.customer.id`: with `form` and `explode` each property is a parameter. */
const pathFilters = {
  name: 'paths',
  in: 'query',
  required: false,
  description:
    'Values at dotted paths: `input.customer.id=17`. Each property of this object is a parameter of its own.',
  style: 'form',
  explode: true,
  schema: {
    type: 'object',
    propertyNames: { pattern: '^[a-z]+\\..+' },
    additionalProperties: { type: 'string', maxLength: 1000 },
  },
};
