import { z } from 'zod';
import { LINES_MEDIA_TYPE } from '../contract/bulk.ts';
import { problemSchema } from '../contract/program.ts';
import { IDEMPOTENCY_HEADER, KEY_PATTERN, REPLAYED_HEADER } from './idempotency.ts';
import { emptyBodyOf, type Route } from './route.ts';

type JsonSchema = Record<string, unknown>;
type WriteSchema = (schema: z.ZodType, io: 'input' | 'output') => JsonSchema;

/** The OpenAPI 3.1 document of these routes. */
export function toOpenApi(routes: readonly Route[], version: string): Record<string, unknown> {
  const schemas: Record<string, JsonSchema> = {};
  const writeSchema = createSchemaWriter(schemas);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const each of routes) {
    paths[each.path] = { ...paths[each.path], [each.method]: toOperation(each, writeSchema) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Longshore', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths,
    components: { schemas, securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  };
}

function toOperation(each: Route, writeSchema: WriteSchema): Record<string, unknown> {
  const pathParameters = [...each.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  return {
    operationId: toOperationId(each),
    summary: each.summary,
    ...(each.scope === 'none' ? { security: [] } : {}),
    parameters: [
      ...pathParameters,
      ...queryParameters(each.query, writeSchema),
      ...(each.isIdempotent ? [idempotencyParameter] : []),
    ],
    ...(each.body
      ? {
          requestBody: {
            required: !each.body.safeParse(emptyBodyOf(each)).success,
            content: {
              'application/json': { schema: writeSchema(each.body, 'input') },
              ...(each.readsLines ? linesContent : {}),
            },
          },
        }
      : {}),
    ...(each.reads === 'stream' ? { requestBody: streamBody } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(each.answers).map(([status, schema]) => [status, toAnswer(schema, writeSchema)]),
      ),
      default: {
        description: 'A problem (RFC 9457)',
        content: { 'application/problem+json': { schema: writeSchema(problemSchema, 'output') } },
      },
    },
  };
}

const linesContent = {
  [LINES_MEDIA_TYPE]: { schema: { type: 'string', description: 'An EnqueueRequest in each line, any number of them' } },
};

const streamBody = { required: true, content: { '*/*': { schema: { type: 'string', format: 'binary' } } } };

const idempotencyParameter = {
  name: IDEMPOTENCY_HEADER,
  in: 'header',
  required: false,
  description: `The same key and request get the first answer again for 24 hours, with ${REPLAYED_HEADER}: true`,
  schema: { type: 'string', pattern: KEY_PATTERN },
};

/** What a schema is described as that stands for a body which is no JSON. */
const NOT_JSON = ['text/event-stream', 'application/octet-stream'];

function toAnswer(schema: z.ZodType | null, writeSchema: WriteSchema): Record<string, unknown> {
  if (!schema) return { description: 'No body' };
  const { description = '' } = schema.meta() ?? {};
  const mediaType = NOT_JSON.includes(description) ? description : 'application/json';
  return { description: 'OK', content: { [mediaType]: { schema: writeSchema(schema, 'output') } } };
}

function queryParameters(query: z.ZodType | undefined, writeSchema: WriteSchema): unknown[] {
  if (!query) return [];
  const schema = writeSchema(query, 'input') as { properties?: Record<string, unknown> };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: 'query',
    required: false,
    schema: property,
  }));
}

// `get /v1/jobs/{id}/events` → getJobsIdEvents
function toOperationId(each: Route): string {
  const words = each.path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '' && word !== 'v1');
  return each.method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** @param schemas gets the named parts, which zod puts where only the schema itself is the document */
function createSchemaWriter(schemas: Record<string, JsonSchema>): WriteSchema {
  return (schema, io) => {
    const {
      $schema: _,
      $defs = {},
      ...rest
    } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' });
    for (const [name, part] of Object.entries($defs)) schemas[name] = pointToComponents(part);
    return pointToComponents(rest);
  };
}

function pointToComponents(schema: object): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
