import { z } from 'zod';
import { problemSchema } from '../contract/program.ts';
import type { Route } from './route.ts';

const PROBLEM = {
  description: 'A problem (RFC 9457)',
  content: { 'application/problem+json': { schema: toSchema(problemSchema) } },
};

/** The OpenAPI 3.1 document of these routes. */
export function toOpenApi(routes: readonly Route[], version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const each of routes) {
    paths[each.path] = { ...paths[each.path], [each.method]: toOperation(each) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Longshore', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths,
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  };
}

function toOperation(each: Route): Record<string, unknown> {
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
    parameters: [...pathParameters, ...queryParameters(each.query)],
    ...(each.body
      ? { requestBody: { required: true, content: { 'application/json': { schema: toSchema(each.body, 'input') } } } }
      : {}),
    responses: { ...Object.fromEntries(Object.entries(each.answers).map(toAnswer)), default: PROBLEM },
  };
}

function toAnswer([status, schema]: [string, z.ZodType | null]): [string, unknown] {
  if (!schema) return [status, { description: 'No body' }];
  const isStream = schema.meta()?.description === 'text/event-stream';
  return [
    status,
    {
      description: 'OK',
      content: { [isStream ? 'text/event-stream' : 'application/json']: { schema: toSchema(schema) } },
    },
  ];
}

function queryParameters(query: z.ZodType | undefined): unknown[] {
  if (!query) return [];
  const schema = toSchema(query, 'input') as { properties?: Record<string, unknown> };
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

function toSchema(schema: z.ZodType, io: 'input' | 'output' = 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' });
  return rest;
}
