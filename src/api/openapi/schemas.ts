import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;
/** The JSON Schema of a zod schema; its named parts become components. */
export type WriteSchema = (schema: z.ZodType, io: 'input' | 'output') => JsonSchema;

/** What a schema is described as that stands for a body which is no JSON. */
const NOT_JSON = ['text/event-stream', 'application/octet-stream'];

/** The type of a body that a schema stands for. */
export function mediaTypeOf(schema: z.ZodType): string {
  const { description = '' } = schema.meta() ?? {};
  return NOT_JSON.includes(description) ? description : 'application/json';
}

/** @param schemas gets the named parts, which zod puts where only the schema itself is the document */
export function createSchemaWriter(schemas: Record<string, JsonSchema>): WriteSchema {
  return (schema, io) => {
    const {
      $schema: _,
      $defs = {},
      ...rest
    } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline', override: leaveOutPatterns });
    for (const [name, part] of Object.entries($defs)) schemas[name] = pointToComponents(part);
    return pointToComponents(rest);
  };
}

// What the format says already, in two hundred characters of a regular expression.
function leaveOutPatterns({ jsonSchema }: { jsonSchema: { format?: string; pattern?: string } }): void {
  if (jsonSchema.format === 'uuid' || jsonSchema.format?.startsWith('date') === true) delete jsonSchema.pattern;
}

function pointToComponents(schema: object): JsonSchema {
  return JSON.parse(JSON.stringify(schema, withoutIds).replaceAll('"#/$defs/', '"#/components/schemas/'));
}

// The name of a part is its place in the document; `id` is no keyword of JSON Schema 2020-12.
function withoutIds(this: object, key: string, value: unknown): unknown {
  const isNameOfSchema =
    key === 'id' && typeof value === 'string' && ('type' in this || '$ref' in this || 'anyOf' in this);
  return isNameOfSchema ? undefined : value;
}
