import { isInputPath, type JobFilter, readInputPath } from '../contract/filter.ts';
import type { TenantScope } from './scope.ts';

/** Takes a value into the parameters of a statement and returns its placeholder, e.g. `$3`. */
export type Bind = (value: unknown) => string;

export function createParameters(): { values: unknown[]; bind: Bind } {
  const values: unknown[] = [];
  return { values, bind: (value) => `$${values.push(value)}` };
}

/** Stands for failed jobs without a fingerprint: those of versions that made none. */
export const NO_FINGERPRINT = 'none';

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
  demand(filter.status, (statuses) => `j.status = any(${statuses})`);
  demand(filter.type, (type) => `j.type = ${type}`);
  demand(filter.queue, (queue) => `j.queue = ${queue}`);
  demand(filter.tenant, (tenant) => `j.tenant = ${tenant}`);
  demand(filter.parentId, (parentId) => `j.parent_id = ${parentId}`);
  demand(filter.batchId, (batchId) => `j.batch_id = ${batchId}`);
  demand(filter.tag, (tag) => `j.tags @> array[${tag}]`);
  demand(filter.createdAfter, (time) => `j.created_at >= ${time}::timestamptz`);
  demand(filter.createdBefore, (time) => `j.created_at < ${time}::timestamptz`);
  if (filter.fingerprint === NO_FINGERPRINT) conditions.push('j.fingerprint is null');
  else demand(filter.fingerprint, (fingerprint) => `j.fingerprint = ${fingerprint}`);
  if (filter.q !== undefined) conditions.push(searchText(filter.q, bind));
  for (const [key, value] of Object.entries(filter)) {
    if (isInputPath(key)) conditions.push(compareInput(readInputPath(key), value, bind));
  }
  return conditions.length === 0 ? 'true' : conditions.join('\n and ');
}

// jsonb writes quotation marks and line ends as escapes: the text is looked for as it is, and as the input shows it.
function searchText(text: string, bind: Bind): string {
  const plain = bind(toPattern(text));
  const inInput = bind([...new Set([text, JSON.stringify(text).slice(1, -1)])].map(toPattern));
  return `(j.type ilike ${plain} or j.error ->> 'message' ilike ${plain} or j.input::text ilike any(${inInput}::text[]))`;
}

function toPattern(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
}

// A JSON null has no text for `#>>`.
function compareInput(path: readonly string[], value: unknown, bind: Bind): string {
  const at = bind(path);
  const isEqual = `j.input #>> ${at}::text[] = ${bind(value)}`;
  return value === 'null' ? `(${isEqual} or j.input #> ${at}::text[] = 'null'::jsonb)` : isEqual;
}
