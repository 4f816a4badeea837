import { isValuePath, type JobFilter, readValuePath } from '../contract/filter.ts';
import { SHORTEST_WORD, splitWords } from '../shared/search-words.ts';
import { chooseStatuses, NO_FINGERPRINT, readValues } from './job-filter.ts';
import type { TenantScope } from './scope.ts';

/**
 * A term is a number that stands for something that a job has, e.g. `queue=video`. Numbers of different things may be the
 * same: what a term finds is compared with the job itself. `kind` tells chunks of all jobs from those of failed ones.
 */
export type ChunkKind = 'all' | 'failed';

/** Text is indexed under its beginnings of these lengths; longer words are told apart by the longest. */
const PREFIX_LENGTHS = [3, 6, 10, 16];
/** Something that more jobs of a chunk have is indexed per tenant, too. */
export const OFTEN = 4;

/** Parts of a job of which all, however many, must be looked through: they are too many for terms. */
export type Unlisted = 'words' | 'input' | 'metadata';

export const describeTerm = {
  type: (type: string) => `type=${type}`,
  typePrefix: (prefix: string) => `type^${prefix}`,
  queue: (queue: string) => `queue=${queue}`,
  tenant: (tenant: string) => `tenant=${tenant}`,
  tag: (tag: string) => `tag=${tag}`,
  parent: (id: string) => `parent=${id}`,
  batch: (id: string) => `batch=${id}`,
  schedule: (id: string) => `schedule=${id}`,
  fingerprint: (fingerprint: string | null) => `fingerprint=${fingerprint ?? NO_FINGERPRINT}`,
  value: (column: 'input' | 'metadata', path: string, value: string) => `${column}.${path}=${value}`,
};

/** The terms under which a word is found by its beginnings. */
export function describeWord(word: string): string[] {
  return PREFIX_LENGTHS.filter((length) => length <= word.length).map((length) => `word^${word.slice(0, length)}`);
}

/** How a chunk marks that it has something: in few jobs, in many, or in many of them jobs of a tenant. */
export const encodeTerm = {
  few: (kind: ChunkKind, term: string) => hashTerm(`${kind} few ${term}`),
  many: (kind: ChunkKind, term: string) => hashTerm(`${kind} many ${term}`),
  manyOf: (kind: ChunkKind, tenant: string, term: string) => hashTerm(`${kind} of ${tenant} ${term}`),
  unlisted: (kind: ChunkKind, part: Unlisted) => hashTerm(`${kind} unlisted ${part}`),
};

/**
 * What chunks must have in which jobs are that a filter means: one of each group. A chunk that has them may have them in
 * different jobs.
 * @returns none where the filter names nothing that is indexed
 */
export function requireTerms(scope: TenantScope, filter: JobFilter): number[][] {
  const tenant = scope === 'all' ? filter.tenant : scope.tenant;
  const kinds = chooseKinds(filter);
  const alternatives = (terms: string[], unlisted?: Unlisted) =>
    kinds.flatMap((kind) => [
      ...terms.flatMap((term) => [
        encodeTerm.few(kind, term),
        tenant === undefined ? encodeTerm.many(kind, term) : encodeTerm.manyOf(kind, tenant, term),
      ]),
      ...(unlisted ? [encodeTerm.unlisted(kind, unlisted)] : []),
    ]);
  const ofTenants = [...new Set([tenant, filter.tenant])].filter((name) => name !== undefined);
  return [
    ...ofTenants.map((name) => alternatives([describeTerm.tenant(name)])),
    ...listExact(filter).map((term) => alternatives([term])),
    ...listValues(filter).map(({ column, terms }) => alternatives(terms, column)),
    ...listWords(filter).map((term) => alternatives([term], 'words')),
  ];
}

/** Error messages are only in the chunks of failed jobs, which have everything else of those jobs, too. */
function chooseKinds(filter: JobFilter): ChunkKind[] {
  const statuses = chooseStatuses(filter);
  if (statuses?.every((status) => status === 'failed')) return ['failed'];
  return filter.q !== undefined && (statuses?.includes('failed') ?? true) ? ['all', 'failed'] : ['all'];
}

function listExact({ type, queue, tag, parentId, batchId, scheduleId, fingerprint }: JobFilter): string[] {
  return [
    ...(type?.endsWith(':*') ? [describeTerm.typePrefix(type.slice(0, -1))] : []),
    ...(type !== undefined && !type.endsWith(':*') ? [describeTerm.type(type)] : []),
    ...(queue === undefined ? [] : [describeTerm.queue(queue)]),
    ...(tag ?? []).map(describeTerm.tag),
    ...(parentId === undefined ? [] : [describeTerm.parent(parentId.toLowerCase())]),
    ...(batchId === undefined ? [] : [describeTerm.batch(batchId.toLowerCase())]),
    ...(scheduleId === undefined ? [] : [describeTerm.schedule(scheduleId.toLowerCase())]),
    ...(fingerprint === undefined ? [] : [describeTerm.fingerprint(fingerprint)]),
  ];
}

/** PostgreSQL takes these for places in an array, too, e.g. -1 for the last. */
const ODD_INDEX = /^\s*([+-]\s*\d|0\d)/;

function listValues(filter: JobFilter): { column: 'input' | 'metadata'; terms: string[] }[] {
  return Object.entries(filter).flatMap(([key, value]) => {
    if (!isValuePath(key)) return [];
    const { column, path } = readValuePath(key);
    if (path.some((name) => ODD_INDEX.test(name))) return [];
    return [{ column, terms: writeValues(value).map((each) => describeTerm.value(column, path.join('.'), each)) }];
  });
}

/** Of each word its longest indexed beginning. */
function listWords({ q }: JobFilter): string[] {
  if (q === undefined) return [];
  return splitWords(q)
    .filter((word) => word.length >= SHORTEST_WORD)
    .flatMap((word) => describeWord(word).slice(-1));
}

function writeValues(text: string): string[] {
  return readValues(text).map(writeValue);
}

/** A value as its term has it. Numbers of more digits than JavaScript has may share one. */
export function writeValue(value: unknown): string {
  return typeof value === 'string' ? `"${value}` : String(value);
}

/** 32 bits, well spread (FNV-1a, then the end of MurmurHash3). */
function hashTerm(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
