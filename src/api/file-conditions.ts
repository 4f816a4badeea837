import type { IncomingHttpHeaders } from 'node:http';
import type { Request } from 'express';
import type { ByteRange, FileFacts } from '../storage/storage.ts';

type Version = Pick<FileFacts, 'etag' | 'lastModified'>;

/** Whether If-Match or If-Unmodified-Since allow an answer (RFC 9110, section 13.1). Pure. */
export function hasPrecondition(headers: IncomingHttpHeaders, { etag, lastModified }: Version): boolean {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) return ifMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim() === etag);
  const since = Date.parse(headers['if-unmodified-since'] ?? '');
  return Number.isNaN(since) || toSeconds(lastModified.getTime()) <= toSeconds(since);
}

/**
 * The one range that a request asks for.
 * @returns undefined where the whole file is to be sent: no range, several, another unit, or If-Range names another version
 */
export function chooseRange(
  request: Pick<Request, 'range' | 'headers'>,
  facts: Version & Pick<FileFacts, 'bytes'>,
): ByteRange | 'unsatisfiable' | undefined {
  if (!/^ *bytes *=/.test(request.headers.range ?? '') || !isSameVersion(request.headers, facts)) return undefined;
  const ranges = request.range(facts.bytes, { combine: true });
  if (ranges === -1) return 'unsatisfiable';
  const [range, ...more] = Array.isArray(ranges) ? ranges : [];
  return more.length === 0 ? range : undefined;
}

/**
 * A range of the last n bytes of a file that has fewer is the whole file (RFC 9110, section 14.1.2); `range-parser`, which Express
 * and `send` use, finds it unsatisfiable. Pure.
 * @returns the header to read in place of the one that was sent
 */
export function shortenSuffix(range: string | undefined, bytes: number): string | undefined {
  const last = /^ *bytes *= *-(\d+) *$/.exec(range ?? '')?.[1];
  return last !== undefined && bytes > 0 && Number(last) > bytes ? 'bytes=0-' : range;
}

function isSameVersion(headers: IncomingHttpHeaders, { etag, lastModified }: Version): boolean {
  const ifRange = headers['if-range'];
  if (typeof ifRange !== 'string') return true;
  if (ifRange.includes('"')) return ifRange.trim() === etag && !etag.startsWith('W/');
  return toSeconds(lastModified.getTime()) <= toSeconds(Date.parse(ifRange));
}

// HTTP knows no milliseconds.
function toSeconds(ms: number): number {
  return Math.floor(ms / 1000);
}
