import type { JobFilter } from '../../src/contract/filter.ts';
import type { JobRow } from '../../src/store/job-row.ts';

/** Whether a filter means a job, written as the documentation says it and without an index: what searches are compared with. */
export function isMeant(job: JobRow, filter: JobFilter): boolean {
  const { tag = [], q, ...rest } = filter;
  if (!tag.every((each) => job.tags.includes(each))) return false;
  if (q !== undefined && !hasWords(job, q)) return false;
  return Object.entries(rest).every(([name, wanted]) => {
    const place = /^(input|metadata)\.(.*)$/.exec(name);
    if (place)
      return hasValue(place[1] === 'input' ? job.input : job.metadata, (place[2] ?? '').split('.'), String(wanted));
    return wanted === undefined || isAs(job, name, wanted);
  });
}

function isAs(job: JobRow, name: string, wanted: unknown): boolean {
  const text = String(wanted);
  switch (name) {
    case 'status':
      return (wanted as string[]).includes(job.status);
    case 'ids':
      return (wanted as string[]).includes(job.id);
    case 'type':
      return text.endsWith(':*') ? job.type.startsWith(text.slice(0, -1)) : job.type === text;
    case 'createdAfter':
      return job.createdAt.getTime() >= Date.parse(text);
    case 'createdBefore':
      return job.createdAt.getTime() < Date.parse(text);
    case 'finishedAfter':
      return job.finishedAt !== null && job.finishedAt.getTime() >= Date.parse(text);
    case 'finishedBefore':
      return job.finishedAt !== null && job.finishedAt.getTime() < Date.parse(text);
    case 'fingerprint':
      return job.status === 'failed' && (job.fingerprint ?? 'none') === text;
    default:
      return job[name as 'queue'] === wanted;
  }
}

/** A value is meant by its text, or by what JSON writes so; an array by each of its items. */
function hasValue(value: unknown, path: readonly string[], wanted: string): boolean {
  const [name, ...rest] = path;
  if (name === undefined) return [value].flat(1).some((item) => isValue(item, wanted));
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
  return hasValue((value as Record<string, unknown>)[name], rest, wanted);
}

function isValue(value: unknown, wanted: string): boolean {
  if (typeof value === 'object' && value !== null) return false;
  if (typeof value === 'number') return /^-?\d/.test(wanted) && Number(wanted) === value;
  return String(value) === wanted;
}

function hasWords(job: JobRow, q: string): boolean {
  const message = job.status === 'failed' ? [job.error?.message ?? ''] : [];
  const words = [job.type, ...textsOf(job.input), ...message].flatMap(toWords);
  return toWords(q).every((wanted) => words.some((word) => word.startsWith(wanted)));
}

function textsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)];
  return Object.entries(value).flatMap(([name, item]) => [...(Array.isArray(value) ? [] : [name]), ...textsOf(item)]);
}

function toWords(text: string): string[] {
  const isOfWord = (character: string) => /[A-Za-z0-9]/.test(character) || (character.codePointAt(0) ?? 0) > 0x7f;
  const spaced = Array.from(text, (character) => (isOfWord(character) ? character : ' ')).join('');
  const small = spaced.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return small.split(' ').filter((word) => word !== '');
}
