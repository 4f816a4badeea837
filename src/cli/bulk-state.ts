import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { findStateFolder } from './places.ts';
import type { Environment } from './terminal.ts';
import { writeAtomically } from './write-atomically.ts';

const count = z.int().min(0);

/** How far a file has been sent, to one server with one key. */
const stateSchema = z.object({
  /** Part of every idempotency key: another one sends the same file again. */
  run: z.string(),
  chunks: count,
  line: count,
  offset: count,
  accepted: count,
  rejected: count,
  deduplicated: count,
  isDone: z.boolean(),
});
export type BulkState = z.infer<typeof stateSchema>;

export interface BulkMemory {
  readonly state: BulkState;
  save(state: BulkState): void;
}

export interface BulkTarget {
  url: string;
  key: string | undefined;
  /** Of the file. */
  hash: string;
}

/** @param isAgain sends a file once more that has been sent; one that was interrupted goes on all the same */
export function openBulkMemory(
  environment: Environment,
  target: BulkTarget,
  { isAgain }: { isAgain: boolean },
): BulkMemory {
  const folder = findStateFolder(environment);
  const path = folder === undefined ? undefined : join(folder, 'bulk', `${nameState(target)}.json`);
  const known = path === undefined ? undefined : readState(path);
  const isNew = known === undefined || (isAgain && known.isDone);
  return {
    state: isNew ? createState(isAgain ? `${randomUUID().slice(0, 8)}-` : '') : known,
    save(state) {
      if (path !== undefined) writeAtomically(path, JSON.stringify(state));
    },
  };
}

/** The same chunk of the same file has the same key, on any machine and without the state. */
export function nameChunk({ run, chunks }: BulkState, hash: string): string {
  return `bulk-${run}${hash.slice(0, 40)}-${chunks}`;
}

function createState(run: string): BulkState {
  return { run, chunks: 0, line: 0, offset: 0, accepted: 0, rejected: 0, deduplicated: 0, isDone: false };
}

/** Another key may be that of another tenant, for whom nothing was sent yet. */
function nameState({ url, key = '', hash }: BulkTarget): string {
  return createHash('sha256').update(`${url}\n${key}\n${hash}`).digest('hex').slice(0, 32);
}

function readState(path: string): BulkState | undefined {
  try {
    return stateSchema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    return undefined; // there is none, or it is damaged: for a day the idempotency keys know as much
  }
}
