import { splitJsonWords, splitWords } from '../shared/search-words.ts';
import {
  type ChunkKind,
  describeTerm,
  describeWord,
  encodeTerm,
  OFTEN,
  type Unlisted,
  writeValue,
} from './search-terms.ts';

/** What the index has of a job. */
export interface IndexedJob {
  id: string;
  tenant: string;
  type: string;
  queue: string;
  status: string;
  tags: string[];
  parentId: string | null;
  batchId: string | null;
  scheduleId: string | null;
  fingerprint: string | null;
  /** As JSON; null where it is too large to be read for this. */
  inputText: string | null;
  metadataText: string | null;
  message: string | null;
  createdAt: Date;
}

/** Jobs that are looked through together. */
export interface Chunk {
  ofFailed: boolean;
  firstId: string;
  lastId: string;
  createdFrom: string;
  createdTo: string;
  ids: string[];
  terms: number[];
}

/** How many jobs share a chunk: a page of rare jobs reads so many for each of them. */
export const CHUNK_JOBS = 128;
/** Of jobs that have too much to be listed; every search of such parts reads them. */
const UNLISTED_CHUNK_JOBS = 8;
const MAX_WORDS = 2000;
const MAX_VALUES = 1000;
const VALUE_MAX = 1000;

interface JobTerms {
  job: IndexedJob;
  terms: Set<string>;
  unlisted: Set<Unlisted>;
}

/** Makes chunks of jobs; those that failed are in one more. Pure. */
export function makeChunks(jobs: readonly IndexedJob[]): Chunk[] {
  const sorted = jobs.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return (['all', 'failed'] as const).flatMap((kind) => {
    const described = sorted
      .filter(({ status }) => kind === 'all' || status === 'failed')
      .map((job) => describeJob(job, kind));
    const listed = described.filter(({ unlisted }) => unlisted.size === 0);
    const others = described.filter(({ unlisted }) => unlisted.size > 0);
    return [...cut(listed, CHUNK_JOBS), ...cut(others, UNLISTED_CHUNK_JOBS)].map((part) => toChunk(part, kind));
  });
}

function cut<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}

function toChunk(part: readonly JobTerms[], kind: ChunkKind): Chunk {
  const ids = part.map(({ job }) => job.id);
  const times = part.map(({ job }) => job.createdAt.getTime());
  return {
    ofFailed: kind === 'failed',
    firstId: ids[0] ?? '',
    lastId: ids.at(-1) ?? '',
    createdFrom: new Date(Math.min(...times)).toISOString(),
    createdTo: new Date(Math.max(...times) + 1).toISOString(), // a Date has no microseconds
    ids,
    terms: encodeTerms(part, kind),
  };
}

// What few jobs of a chunk have needs no more than to be named. Of what many have it is also said whose jobs they are, so
// that a tenant's search does not read chunks that have both, but never in one job.
function encodeTerms(part: readonly JobTerms[], kind: ChunkKind): number[] {
  const tenantsOf = new Map<string, string[]>();
  for (const { job, terms } of part) {
    for (const term of terms) {
      const tenants = tenantsOf.get(term);
      if (tenants) tenants.push(job.tenant);
      else tenantsOf.set(term, [job.tenant]);
    }
  }
  const isOfOne = new Set(part.map(({ job }) => job.tenant)).size === 1;
  const codes = new Set<number>();
  for (const [term, tenants] of tenantsOf) {
    if (isOfOne || tenants.length < OFTEN) codes.add(encodeTerm.few(kind, term));
    else {
      codes.add(encodeTerm.many(kind, term));
      for (const tenant of new Set(tenants)) codes.add(encodeTerm.manyOf(kind, tenant, term));
    }
  }
  for (const { unlisted } of part) for (const name of unlisted) codes.add(encodeTerm.unlisted(kind, name));
  return [...codes];
}

function describeJob(job: IndexedJob, kind: ChunkKind): JobTerms {
  const unlisted = new Set<Unlisted>();
  const terms = new Set<string>([
    describeTerm.type(job.type),
    ...prefixesOf(job.type).map(describeTerm.typePrefix),
    describeTerm.queue(job.queue),
    describeTerm.tenant(job.tenant),
    ...job.tags.map(describeTerm.tag),
    ...(job.parentId === null ? [] : [describeTerm.parent(job.parentId)]),
    ...(job.batchId === null ? [] : [describeTerm.batch(job.batchId)]),
    ...(job.scheduleId === null ? [] : [describeTerm.schedule(job.scheduleId)]),
    ...(kind === 'failed' ? [describeTerm.fingerprint(job.fingerprint)] : []),
  ]);
  addValues('input', job.inputText, terms, unlisted);
  addValues('metadata', job.metadataText, terms, unlisted);
  addWords(job, kind, terms, unlisted);
  return { job, terms, unlisted };
}

/** `video:thumbnails:hls` → `video:`, `video:thumbnails:` */
function prefixesOf(type: string): string[] {
  return [...type.matchAll(/:/g)].map(({ index }) => type.slice(0, index + 1));
}

function addWords(
  { type, inputText, message }: IndexedJob,
  kind: ChunkKind,
  terms: Set<string>,
  unlisted: Set<Unlisted>,
) {
  const words = new Set([
    ...splitWords(type),
    ...splitJsonWords(inputText ?? ''),
    ...(kind === 'failed' ? splitWords(message ?? '') : []),
  ]);
  if (inputText === null || words.size > MAX_WORDS) unlisted.add('words');
  else for (const word of words) for (const term of describeWord(word)) terms.add(term);
}

function addValues(column: 'input' | 'metadata', json: string | null, terms: Set<string>, unlisted: Set<Unlisted>) {
  if (json === null) return unlisted.add(column);
  const found: string[] = [];
  collectValues(JSON.parse(json), '', (path, value) => {
    const text = writeValue(value);
    if (text.length <= VALUE_MAX + 1) found.push(describeTerm.value(column, path, text));
    return found.length <= MAX_VALUES;
  });
  if (found.length > MAX_VALUES) return unlisted.add(column);
  for (const term of found) terms.add(term);
}

/** Visits every value that a path leads to, also to an array that has it, until `visit` has enough. */
function collectValues(value: unknown, path: string, visit: (path: string, value: unknown) => boolean): boolean {
  if (typeof value !== 'object' || value === null) return path === '' || visit(path, value);
  const isArray = Array.isArray(value);
  return Object.entries(value).every(([name, item]) => {
    const isScalar = typeof item !== 'object' || item === null;
    if (isArray && isScalar && path !== '' && !visit(path, item)) return false;
    return collectValues(item, path === '' ? name : `${path}.${name}`, visit);
  });
}
