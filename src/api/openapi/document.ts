import { z } from 'zod';
import type { Route } from '../route.ts';
import { responseHeaders } from './headers.ts';
import { toOperation, type Writers } from './operation.ts';
import { createProblemWriter } from './problems.ts';
import { createSchemaWriter, type JsonSchema } from './schemas.ts';
import { tagOf } from './tags.ts';
import { toWebhooks } from './webhooks.ts';

const DESCRIPTION = `
Jobs that are accepted are committed; they run at least once and end exactly once in the record. Errors are problem+json
(RFC 9457) with a \`code\`; lists are \`{items, nextCursor}\`. See docs/reference/http-api.md of the package.`;

export const documentSchema = z.looseObject({ openapi: z.string() }).meta({ description: 'OpenAPI 3.1' });

/** The OpenAPI 3.1 document of these routes. */
export function toOpenApi(routes: readonly Route[], version: string): Record<string, unknown> {
  const schemas: Record<string, JsonSchema> = {};
  const responses: Record<string, unknown> = {};
  const writeSchema = createSchemaWriter(schemas);
  const writers: Writers = { writeSchema, writeProblems: createProblemWriter(responses, writeSchema) };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const each of routes) {
    paths[each.path] = { ...paths[each.path], [each.method]: toOperation(each, writers) };
  }
  const webhooks = toWebhooks(writeSchema);
  const tags = new Map(routes.map(({ path }) => [tagOf(path).name, tagOf(path)]));
  return {
    openapi: '3.1.0',
    info: { title: 'Longshore', version, description: DESCRIPTION.trim(), license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    tags: [...tags.values()],
    paths,
    webhooks: Object.fromEntries(
      Object.keys(webhooks).map((event) => [event, { $ref: `#/components/pathItems/${event}` }]),
    ),
    components: {
      schemas,
      responses,
      headers: responseHeaders,
      pathItems: webhooks,
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: 'ADMIN_KEY, or a key that was made with it. None is needed while the program has no key at all.',
        },
      },
    },
  };
}
