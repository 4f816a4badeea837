import { createHash } from 'node:crypto';
import type { Failure } from '../shared/failure.ts';

const READ_LIMIT = 2000;
const KEPT_LIMIT = 300;
const LENGTH = 16;

// In this order: each pattern would take parts of what those before it stand for.
const VARIABLE_PARTS: readonly (readonly [pattern: RegExp, placeholder: string])[] = [
  [/\b(https?|wss?|ftp):\/\/([^\s/?#"'`<>()]+)[^\s"'`<>()]*/gi, '$1://$2/<path>'],
  [/\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?)?/g, '<time>'],
  [/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [\w ]{6,12} \d\d:\d\d:\d\d( GMT)?([+-]\d{4})?( \([\w ]+\))?/g, '<time>'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '<id>'],
  [/(?<!\w)"[^"\n]*"(?!\w)|(?<!\w)'[^'\n]*'(?!\w)|`[^`\n]*`/g, '<text>'],
  [/(?<![\w/\\.])(\.{0,2}|~|[a-z]:)([/\\][\w.@~+-]+){2,}/gi, '<path>'],
  [/\b0x[0-9a-f]+\b/gi, '<id>'],
  [/\b(?=[a-f]*\d)[0-9a-f]{8,}\b/gi, '<id>'],
  // Ids of other kinds: long words with several digits in them.
  [/\b(?=\w*\d\w*[a-z_]\w*\d)\w{8,}\b/gi, '<id>'],
  [/-?\d+([.,]\d+)*/g, '<n>'],
  [/\s+/g, ' '],
];

/**
 * Groups failures of one kind: those of a type whose error has the same name and, but for numbers, ids, times, paths,
 * URLs and quoted text, the same message. Pure.
 * @returns 16 hexadecimal digits
 */
export function fingerprintOf(type: string, error: Pick<Failure, 'name' | 'message'>): string {
  const kind = [type, error.name, normalizeMessage(error.message)].join('\n');
  return createHash('sha256').update(kind).digest('hex').slice(0, LENGTH);
}

/** A message without the parts that differ from job to job. */
export function normalizeMessage(message: string): string {
  const shortened = message.slice(0, READ_LIMIT);
  const normalized = VARIABLE_PARTS.reduce((text, [pattern, part]) => text.replace(pattern, part), shortened);
  return normalized.trim().slice(0, KEPT_LIMIT);
}
