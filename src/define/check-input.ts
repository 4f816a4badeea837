import type { ConnectorDefinition } from './connector.ts';
import type { JobDefinition } from './job.ts';
import type { QueryDefinition } from './query.ts';
import { type Parsed, parseWith } from './registry.ts';

/** What inputs may name: the queries and connectors that are built in, and those of JOBS_DIR. */
export interface KnownDefinitions {
  readonly queries: ReadonlyMap<string, QueryDefinition>;
  readonly connectors: ReadonlyMap<string, ConnectorDefinition>;
}

export interface InputFault {
  /** Where, dotted and below the input, e.g. `parameters.since`; empty: the input as a whole. */
  path: string;
  /** What is wrong there, for the caller. */
  message: string;
}

/** Lists what is wrong with an input that its schema takes; none: nothing is. */
export type CheckInput<Input = unknown> = (
  input: Input,
  known: KnownDefinitions,
) => readonly InputFault[] | Promise<readonly InputFault[]>;

type InputRules = Pick<JobDefinition, 'type' | 'inputSchema' | 'checkInput'>;

/**
 * Checks an input as its definition says: by the schema, then by `checkInput`. Whoever checks an input does it here.
 * @param root what the paths of the faults begin with
 * @returns what the schema made of it, or every fault
 */
export function parseInput(
  definition: InputRules,
  input: unknown,
  known: KnownDefinitions,
  root = 'input',
): Promise<Parsed> {
  const { checkInput, inputSchema } = definition;
  // Every new job comes through here, and few have more to check than a schema: those get its promise as it is.
  if (checkInput === undefined) return parseWith(inputSchema, input, root);
  return parseAndCheck(definition, checkInput, { input, known, root });
}

async function parseAndCheck(
  { type, inputSchema }: InputRules,
  checkInput: CheckInput,
  { input, known, root }: { input: unknown; known: KnownDefinitions; root: string },
): Promise<Parsed> {
  const parsed = await parseWith(inputSchema, input, root);
  if (!parsed.ok) return parsed;
  const { queries, connectors } = known; // a registry has more
  const faults = await checkInput(parsed.value, { queries, connectors });
  if (!Array.isArray(faults)) throw new TypeError(`checkInput of the job "${type}" must return an array of faults`);
  if (faults.length === 0) return parsed;
  return { ok: false, faults: (faults as readonly InputFault[]).map((fault) => placeBelow(root, fault)) };
}

function placeBelow(root: string, { path, message }: InputFault): InputFault {
  return { path: path === '' ? root : `${root}.${path}`, message };
}
