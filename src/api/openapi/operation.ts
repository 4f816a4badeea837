import type { z } from 'zod';
import { LINES_MEDIA_TYPE } from '../../contract/bulk.ts';
import { REPLAYED_HEADER } from '../idempotency.ts';
import { emptyBodyOf, type Route } from '../route.ts';
import { type ResponseHeader, referToHeaders } from './headers.ts';
import { isVersioned, toParameters } from './parameters.ts';
import { mediaTypeOf, type WriteSchema } from './schemas.ts';
import { tagOf } from './tags.ts';

export interface Writers {
  writeSchema: WriteSchema;
  /** The answers of a route that are problems. */
  writeProblems(each: Route): Record<string, unknown>;
}

/** One operation of the document. */
export function toOperation(each: Route, { writeSchema, writeProblems }: Writers): Record<string, unknown> {
  return {
    operationId: toOperationId(each),
    tags: [tagOf(each.path).name],
    summary: each.summary,
    ...(each.scope === 'none' ? { security: [] } : { description: `Needs a key with the scope \`${each.scope}\`.` }),
    parameters: toParameters(each, writeSchema),
    ...toRequestBody(each, writeSchema),
    responses: {
      ...Object.fromEntries(
        Object.entries({ ...each.answers, ...(isVersioned(each) ? { 304: null } : {}) }).map(([status, schema]) => [
          status,
          toAnswer(each, status, schema, writeSchema),
        ]),
      ),
      ...writeProblems(each),
    },
    ...(each.callbacks ? { callbacks: toCallbacks(each.callbacks) } : {}),
  };
}

/** What the program sends to the address in the body of a call. */
function toCallbacks({ url, events }: NonNullable<Route['callbacks']>): Record<string, unknown> {
  return Object.fromEntries(
    events.map((event) => [event, { [`{$request.body#/${url}}`]: { $ref: `#/components/pathItems/${event}` } }]),
  );
}

function toRequestBody(each: Route, writeSchema: WriteSchema): { requestBody?: unknown } {
  if (each.reads === 'stream') {
    return { requestBody: { required: true, content: { '*/*': { schema: { type: 'string', format: 'binary' } } } } };
  }
  if (!each.body) return {};
  const required = !each.body.safeParse(emptyBodyOf(each)).success;
  const json = { 'application/json': { schema: writeSchema(each.body, 'input') } };
  return { requestBody: { required, content: { ...json, ...(each.readsLines ? LINES_CONTENT : {}) } } };
}

const LINES_CONTENT = {
  [LINES_MEDIA_TYPE]: { schema: { type: 'string', description: 'An EnqueueRequest in each line, any number of them' } },
};

function toAnswer(
  each: Route,
  status: string,
  schema: z.ZodType | null,
  writeSchema: WriteSchema,
): Record<string, unknown> {
  const names: ResponseHeader[] = [
    ...(each.responseHeaders ?? []),
    ...(isVersioned(each) ? (['ETag'] as const) : []),
    ...(each.isIdempotent ? ([REPLAYED_HEADER] as const) : []),
  ];
  const limits: ResponseHeader[] = each.scope === 'none' ? [] : ['RateLimit-Policy', 'RateLimit'];
  const headers = { headers: referToHeaders([...names, ...limits]) };
  if (!schema) return { description: status === '304' ? 'It has not changed' : 'No body', ...headers };
  return {
    description: 'Done',
    ...headers,
    content: { [mediaTypeOf(schema)]: { schema: writeSchema(schema, 'output') } },
  };
}

// `get /v1/jobs/{id}/events` → getJobsIdEvents
function toOperationId(each: Route): string {
  const words = each.path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '' && word !== 'v1');
  return each.method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
