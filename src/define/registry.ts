import { z } from 'zod';
import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import type { KnownDefinitions } from './check-input.ts';
import type { ConnectorDefinition } from './connector.ts';
import { locateHandler } from './isolation.ts';
import type { JobDefinition } from './job.ts';
import type { QueryDefinition } from './query.ts';
import type { QueueOptions, RateLimit } from './queue.ts';

/** Every job type that this program knows, the queues that they name, and what jobs may name. */
export interface Registry extends KnownDefinitions {
  readonly definitions: ReadonlyMap<string, JobDefinition>;
  readonly queues: ReadonlyMap<string, QueueOptions>;
}

export interface RegistryOptions {
  /** What jobs may name. */
  queries?: readonly QueryDefinition[];
  connectors?: readonly ConnectorDefinition[];
  /** What an operator wants instead of the rate limit that a queue is defined with. */
  findRateLimit?: (queue: string) => RateLimit | 'none' | undefined;
}

/**
 * Collects definitions by type and their queue settings by name.
 * @throws INVALID_DEFINITION when a type, schedule, query or connector is defined twice, two jobs want different settings for one
 *   queue, or the file of a handler does not exist
 */
export function createRegistry(
  definitions: readonly JobDefinition[],
  { findRateLimit = () => undefined, queries = [], connectors = [] }: RegistryOptions = {},
): Registry {
  const byType = new Map<string, JobDefinition>();
  const queues = new Map<string, QueueOptions>();
  for (const definition of definitions) {
    const known = byType.get(definition.type);
    if (known === definition) continue;
    if (known) throw new AppError('INVALID_DEFINITION', `job type "${definition.type}" is defined twice`);
    checkHandlerFile(definition);
    byType.set(definition.type, definition);
    queues.set(definition.queue.name, mergeQueue(queues.get(definition.queue.name), definition));
  }
  checkScheduleNames([...byType.values()]);
  for (const queue of queues.values()) applyRateLimit(queue, findRateLimit(queue.name));
  return {
    definitions: byType,
    queues,
    queries: indexByName('query', queries),
    connectors: indexByName('connector', connectors),
  };
}

function indexByName<Part extends { name: string }>(what: string, parts: readonly Part[]): Map<string, Part> {
  const byName = new Map<string, Part>();
  for (const part of new Set(parts)) {
    if (byName.has(part.name)) throw new AppError('INVALID_DEFINITION', `${what} "${part.name}" is defined twice`);
    byName.set(part.name, part);
  }
  return byName;
}

// Looked for and not loaded: most processes never run it.
function checkHandlerFile({ type, handlerFile }: JobDefinition): void {
  if (handlerFile === undefined) return;
  try {
    locateHandler(handlerFile);
  } catch (cause) {
    throw new AppError('INVALID_DEFINITION', `job "${type}": ${messageOf(cause)}`, { cause });
  }
}

function checkScheduleNames(definitions: readonly JobDefinition[]): void {
  const owners = new Map<string, string>();
  for (const { type, schedules } of definitions) {
    for (const { name } of schedules) {
      const owner = owners.get(name);
      if (owner !== undefined) {
        throw new AppError('INVALID_DEFINITION', `jobs "${owner}" and "${type}" both define a schedule "${name}"`);
      }
      owners.set(name, type);
    }
  }
}

function applyRateLimit(queue: QueueOptions, wanted: RateLimit | 'none' | undefined): void {
  if (wanted === 'none') delete queue.rateLimit;
  else if (wanted !== undefined) queue.rateLimit = wanted;
}

function mergeQueue(known: QueueOptions | undefined, definition: JobDefinition): QueueOptions {
  const merged: QueueOptions = { ...known, name: definition.queue.name };
  for (const field of ['concurrency', 'transport', 'rateLimit', 'concurrencyPerKey', 'rateLimitPerKey'] as const) {
    const wanted = definition.queue[field];
    if (wanted === undefined) continue;
    if (known?.[field] !== undefined && JSON.stringify(known[field]) !== JSON.stringify(wanted)) {
      throw new AppError(
        'INVALID_DEFINITION',
        `job "${definition.type}" wants ${field} ${JSON.stringify(wanted)} for queue "${definition.queue.name}", ` +
          `which another job has set to ${JSON.stringify(known[field])}; use one defineQueue(...) for both`,
      );
    }
    Object.assign(merged, { [field]: wanted });
  }
  return merged;
}

export interface SchemaFault {
  path: string;
  message: string;
}

export type Parsed = { ok: true; value: unknown } | { ok: false; faults: SchemaFault[] };

/** Checks a value against a schema, with every fault's dotted path below `root`. */
export async function parseWith(schema: z.ZodType, value: unknown, root: string): Promise<Parsed> {
  const result = await schema.safeParseAsync(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, faults: toFaults(result.error, root, schema) };
}

/**
 * Lists the faults of a zod error, each with its dotted path below `root`.
 * @param schema what the value was checked against: a name that is not known there is answered with those that are
 */
export function toFaults(error: z.core.$ZodError, root: string, schema?: z.core.$ZodType): SchemaFault[] {
  const toPath = (parts: readonly PropertyKey[]) =>
    [root, ...parts.map(String)].filter((part) => part !== '').join('.');
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ path: toPath(issue.path), message: issue.message }];
    const known = schema ? listNames(schema, issue.path) : [];
    const message = `is not known here${known.length > 0 ? `; there are ${known.join(', ')}` : ''}`;
    return issue.keys.map((key) => ({ path: toPath([...issue.path, key]), message }));
  });
}

/** The names of the object that a path leads to; none where the path leads through a choice. */
function listNames(schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const { innerType, in: first, shape, element } = schema._zod.def as unknown as SchemaParts;
  const inner = innerType ?? first;
  if (inner) return listNames(inner, path);
  const [name, ...rest] = path;
  if (name === undefined) return Object.keys(shape ?? {});
  const next = element ?? shape?.[String(name)];
  return next ? listNames(next, rest) : [];
}

/** What the kinds of schemas that lead further have: optional and default, pipes, objects, arrays. */
interface SchemaParts {
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  shape?: Readonly<Record<string, z.core.$ZodType>>;
  element?: z.core.$ZodType;
}

/** The JSON Schema of what a caller sends (`input`) or of what the record keeps (`output`). */
export function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<string, unknown>;
}
