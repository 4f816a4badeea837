/** The parts of JSON Schema that the schemas of jobs come to. */
export interface JsonSchema {
  type?: string | readonly string[];
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: readonly unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minItems?: number;
  maxItems?: number;
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  prefixItems?: readonly JsonSchema[];
  anyOf?: readonly JsonSchema[];
  oneOf?: readonly JsonSchema[];
  allOf?: readonly JsonSchema[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
}

/** One line of a table: a field, e.g. `attachments[].name`, and what is said of it. */
export interface SchemaField {
  path: string;
  type: string;
  isRequired: boolean;
  default: unknown;
  description: string;
}

/** Deeper fields are left to the schema itself; it also ends a schema that refers to itself. */
const MAX_DEPTH = 4;
const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** Lists the fields of an object's schema, nested ones below their parents. Pure. */
export function listFields(schema: JsonSchema): SchemaField[] {
  return fieldsOf(schema, '', schema, 0);
}

function fieldsOf(given: JsonSchema, parent: string, root: JsonSchema, depth: number): SchemaField[] {
  const schema = resolve(given, root);
  if (depth > MAX_DEPTH) return [];
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = parent === '' ? name : `${parent}.${name}`;
    const resolved = resolve(field, root);
    const row: SchemaField = {
      path,
      type: describeType(resolved, root),
      isRequired: schema.required?.includes(name) ?? false,
      default: resolved.default,
      description: resolved.description ?? '',
    };
    return [row, ...fieldsOf(resolved, path, root, depth + 1)];
  });
  const items = schema.items ? fieldsOf(schema.items, `${parent}[]`, root, depth + 1) : [];
  const values =
    typeof schema.additionalProperties === 'object'
      ? fieldsOf(schema.additionalProperties, `${parent}.*`, root, depth + 1)
      : [];
  const choices = choicesOf(schema).flatMap((choice) => fieldsOf(choice, parent, root, depth + 1));
  return mergeSame([...own, ...items, ...values, ...choices]);
}

/** Fields that several choices have, e.g. `type`, become one row with all of their types. */
function mergeSame(rows: SchemaField[]): SchemaField[] {
  const merged = new Map<string, SchemaField>();
  for (const row of rows) {
    const known = merged.get(row.path);
    if (!known) merged.set(row.path, row);
    else if (known.type !== row.type) known.type = [...new Set([known.type, row.type])].join(' or ');
  }
  return [...merged.values()];
}

/** E.g. `string, 1 to 200 characters` or `"gzip" or "zstd"`. Pure. */
export function describeType(given: JsonSchema, root: JsonSchema): string {
  const schema = resolve(given, root);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  const choices = choicesOf(schema);
  if (typeof schema.type === 'object') {
    return schema.type.map((type) => describeType({ ...schema, type }, root)).join(' or ');
  }
  if (choices.length > 0) return [...new Set(choices.map((choice) => describeType(choice, root)))].join(' or ');
  if (schema.type === 'string') return describeString(schema);
  if (schema.type === 'integer' || schema.type === 'number') return describeNumber(schema);
  if (schema.type === 'array') return describeArray(schema, root);
  if (schema.type === 'object') return schema.properties ? 'object' : describeRecord(schema, root);
  return schema.type ?? 'any JSON';
}

function describeString({ format, minLength = 0, maxLength }: JsonSchema): string {
  const kind = format === undefined ? 'string' : format === 'uri' ? 'URL' : format;
  if (maxLength !== undefined)
    return `${kind}, ${minLength > 0 ? `${minLength} to` : 'at most'} ${maxLength} characters`;
  return minLength > 0 ? `${kind}, not empty` : kind;
}

function describeNumber({ type, minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const kind = type === 'integer' ? 'whole number' : 'number';
  const low = minimum === undefined || minimum <= -MAX_SAFE ? undefined : minimum;
  const high = maximum === undefined || maximum >= MAX_SAFE ? undefined : maximum;
  if (low !== undefined && high !== undefined) return `${kind}, ${low} to ${high}`;
  if (exclusiveMinimum !== undefined)
    return `${kind} above ${exclusiveMinimum}${high === undefined ? '' : `, at most ${high}`}`;
  if (low !== undefined) return `${kind}, at least ${low}`;
  return high === undefined ? kind : `${kind}, at most ${high}`;
}

function describeArray({ items, minItems = 0, maxItems }: JsonSchema, root: JsonSchema): string {
  const item = items ? describeType(items, root) : 'any JSON';
  if (maxItems !== undefined) return `list of ${minItems > 0 ? `${minItems} to` : 'at most'} ${maxItems}: ${item}`;
  return minItems > 0 ? `list of at least ${minItems}: ${item}` : `list: ${item}`;
}

function describeRecord({ additionalProperties }: JsonSchema, root: JsonSchema): string {
  return typeof additionalProperties === 'object' ? `object of ${describeType(additionalProperties, root)}` : 'object';
}

function choicesOf({ anyOf, oneOf, allOf }: JsonSchema): readonly JsonSchema[] {
  return anyOf ?? oneOf ?? allOf ?? [];
}

function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const name = /^#\/\$defs\/(.+)$/.exec(schema.$ref ?? '')?.[1];
  const target = name === undefined ? undefined : root.$defs?.[name];
  return target ? { ...target, ...schema, $ref: '' } : schema;
}
