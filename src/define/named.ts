import type { z } from 'zod';
import type { InputFault, KnownDefinitions } from './check-input.ts';
import { NonRetryableError } from './errors.ts';
import { parseWith } from './registry.ts';

/** A query or connector as an input names it. */
export interface NamedCall {
  name: string;
  parameters: unknown;
}

/** A query or connector with the parameters that its schema made of those that were given. */
export interface Named<Part> {
  part: Part;
  parameters: unknown;
}

interface NamedPart {
  readonly parametersSchema: z.ZodType;
}

type NamedKind = 'query' | 'connector';

/**
 * Checks the query that an input names, and its parameters: for `checkInput`, in the words of a run that finds it wrong.
 * @returns faults at `query`, or below `parameters`
 */
export function checkQuery(
  { query, parameters }: { query: string; parameters: unknown },
  { queries }: Pick<KnownDefinitions, 'queries'>,
): Promise<readonly InputFault[]> {
  return listFaults('query', queries, { name: query, parameters });
}

/** The same for a connector: faults at `connector`, or below `parameters`. */
export function checkConnector(
  { connector, parameters }: { connector: string; parameters: unknown },
  { connectors }: Pick<KnownDefinitions, 'connectors'>,
): Promise<readonly InputFault[]> {
  return listFaults('connector', connectors, { name: connector, parameters });
}

/**
 * Finds what is named, for a run.
 * @throws NonRetryableError for an unknown name, and for parameters that it does not take, naming each
 */
export async function requireNamed<Part extends NamedPart>(
  kind: NamedKind,
  parts: ReadonlyMap<string, Part>,
  call: NamedCall,
): Promise<Named<Part>> {
  const found = await findNamed(kind, parts, call);
  if (found.ok) return found.named;
  throw new NonRetryableError(found.message);
}

async function listFaults(
  kind: NamedKind,
  parts: ReadonlyMap<string, NamedPart>,
  call: NamedCall,
): Promise<readonly InputFault[]> {
  const found = await findNamed(kind, parts, call);
  return found.ok ? [] : found.faults;
}

type Found<Part> = { ok: true; named: Named<Part> } | { ok: false; faults: InputFault[]; message: string };

async function findNamed<Part extends NamedPart>(
  kind: NamedKind,
  parts: ReadonlyMap<string, Part>,
  { name, parameters }: NamedCall,
): Promise<Found<Part>> {
  const part = parts.get(name);
  if (!part) {
    const message = `there is no ${kind} "${name}"; there are${listNames(parts)}`;
    return { ok: false, faults: [{ path: kind, message }], message };
  }
  const parsed = await parseWith(part.parametersSchema, parameters, 'parameters');
  if (parsed.ok) return { ok: true, named: { part, parameters: parsed.value } };
  const list = parsed.faults.map(({ path, message }) => `${path} ${message}`).join('; ');
  const message = `the ${kind} "${name}" does not take these parameters: ${list}`;
  return { ok: false, faults: parsed.faults, message };
}

function listNames(parts: ReadonlyMap<string, unknown>): string {
  return parts.size === 0 ? ' none' : `: ${[...parts.keys()].sort().join(', ')}`;
}
