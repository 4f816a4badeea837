import { isValuePath, type JobFilter, readValuePath, type ValuePath } from '../contract/filter.ts';
import { type JobStatus, terminalStatuses } from '../contract/job.ts';
import { splitWords, WORD_BEGIN } from '../shared/search-words.ts';
import type { TenantScope } from './scope.ts';

/** Takes a value into the parameters of a statement and returns its placeholder, e.g. `$3`. */
export type Bind = (value: unknown) => string;

export function createParameters(): { values: unknown[]; bind: Bind } {
  const values: unknown[] = [];
  return { values, bind: (value) => `$${values.push(value)}` };
}

/** Stands for failed jobs without a fingerprint: those of versions that made none. */
export const NO_FINGERPRINT = 'none';

/** The statuses that a job may have that the filter means; undefined: any. */
export function chooseStatuses({
  status,
  fingerprint,
  finishedAfter,
  finishedBefore,
}: JobFilter): JobStatus[] | undefined {
  const hasFinished = finishedAfter !== undefined || finishedBefore !== undefined;
  const possible: readonly JobStatus[] | undefined =
    fingerprint !== undefined ? ['failed'] : hasFinished ? terminalStatuses : undefined;
  if (status === undefined || possible === undefined) return status ?? possible?.slice();
  return status.filter((one) => possible.includes(one));
}

/**
 * The condition for the rows `j` that a filter means, within what the caller may see (I9). Every value is bound; what is
 * not named is left out, so that the plan can use the index of what is.
 */
export function matchJobs(scope: TenantScope, filter: JobFilter, bind: Bind): string {
  const conditions = scope === 'all' ? [] : [`j.tenant = ${bind(scope.tenant)}`];
  const demand = (value: unknown, condition: (placeholder: string) => string) => {
    if (value !== undefined) conditions.push(condition(bind(value)));
  };
  demand(filter.ids, (ids) => `j.id = any(${ids}::uuid[])`);
  demand(chooseStatuses(filter), (statuses) => `j.status = any(${statuses})`);
  if (filter.type?.endsWith(':*')) demand(filter.type.slice(0, -1), (begin) => `starts_with(j.type, ${begin})`);
  else demand(filter.type, (type) => `j.type = ${type}`);
  demand(filter.queue, (queue) => `j.queue = ${queue}`);
  demand(filter.tenant, (tenant) => `j.tenant = ${tenant}`);
  demand(filter.parentId, (parentId) => `j.parent_id = ${parentId}`);
  demand(filter.batchId, (batchId) => `j.batch_id = ${batchId}`);
  demand(filter.scheduleId, (scheduleId) => `j.schedule_id = ${scheduleId}`);
  demand(filter.tag, (tags) => `j.tags @> ${tags}::text[]`);
  demand(filter.createdAfter, (time) => `j.created_at >= ${time}::timestamptz`);
  demand(filter.createdBefore, (time) => `j.created_at < ${time}::timestamptz`);
  demand(filter.finishedAfter, (time) => `j.finished_at >= ${time}::timestamptz`);
  demand(filter.finishedBefore, (time) => `j.finished_at < ${time}::timestamptz`);
  if (filter.fingerprint === NO_FINGERPRINT) conditions.push('j.fingerprint is null');
  else demand(filter.fingerprint, (fingerprint) => `j.fingerprint = ${fingerprint}`);
  for (const [key, value] of Object.entries(filter)) {
    if (isValuePath(key)) conditions.push(compareValue(key, value, bind));
  }
  if (filter.q !== undefined) conditions.push(...splitWords(filter.q).map((word) => searchWord(word, bind)));
  return conditions.length === 0 ? 'true' : conditions.join('\n and ');
}

// What a job is searched for words in. "C" is there in every database, and knows capitals of ASCII alone.
const TEXTS = `concat_ws(' ', j.type, j.input, case when j.status = 'failed' then j.error ->> 'message' end) collate "C"`;
const UNESCAPED = String.raw`concat_ws(' ', j.type, regexp_replace(j.input::text, '\\(u[0-9a-f]{4}|.)', ' ', 'gi'),
   case when j.status = 'failed' then j.error ->> 'message' end) collate "C"`;

// Most jobs do not have the text at all, which is quicker to see than whether a word begins there.
function searchWord(word: string, bind: Bind): string {
  return `case when ${TEXTS} ilike ${bind(`%${word}%`)} then ${UNESCAPED} ~* ${bind(WORD_BEGIN + word)} else false end`;
}

// Larger ones PostgreSQL cannot read.
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,3})?$/;

/** The JSON values that a filter's text may stand for: itself as a text, and what JSON writes so. */
export function readValues(text: string): unknown[] {
  const isLiteral = text === 'true' || text === 'false' || text === 'null' || NUMBER.test(text);
  return isLiteral ? [text, JSON.parse(text)] : [text];
}

/** An array contains its items, any other value itself. */
function compareValue(key: ValuePath, text: string, bind: Bind): string {
  const { column, path } = readValuePath(key);
  const values = readValues(text).map((value) => (typeof value === 'string' ? JSON.stringify(value) : text)); // all digits
  return `j.${column} #> ${bind(path)}::text[] @> any(${bind(values)}::jsonb[])`;
}
