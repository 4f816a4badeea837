import { IDEMPOTENCY_HEADER, KEY_PATTERN, REPLAYED_HEADER } from '../idempotency.ts';

interface Header {
  description: string;
  schema: Record<string, unknown>;
}

/** What a call may carry, beside what HTTP says of every call. */
export const requestHeaders = {
  [IDEMPOTENCY_HEADER]: {
    description: `The same key and request get the first answer again for 24 hours, with ${REPLAYED_HEADER}: true.`,
    schema: { type: 'string', pattern: KEY_PATTERN },
  },
  Prefer: {
    description: '`wait=N` (RFC 7240) holds the call until the job has ended, for at most N seconds, up to 60.',
    schema: { type: 'string', examples: ['wait=10'] },
  },
  'If-None-Match': {
    description: 'An `ETag` of before: 304 without a body where nothing has changed.',
    schema: { type: 'string' },
  },
  'If-Match': { description: 'An `ETag`: 412 where it has changed.', schema: { type: 'string' } },
  'If-Modified-Since': {
    description: 'As `If-None-Match`, by the time of the last change.',
    schema: { type: 'string' },
  },
  'If-Unmodified-Since': { description: 'As `If-Match`, by the time of the last change.', schema: { type: 'string' } },
  'If-Range': { description: 'An `ETag`: `Range` counts only where it has not changed.', schema: { type: 'string' } },
  Range: { description: 'A range of bytes, e.g. `bytes=0-1023`.', schema: { type: 'string' } },
  'Last-Event-ID': {
    description: 'The `id` of the last event that was read: the stream goes on after it.',
    schema: { type: 'string', pattern: '^\\d{1,16}$' },
  },
  'Content-Disposition': {
    description: 'Its `filename` is what the file is called, unless the query says it.',
    schema: { type: 'string' },
  },
} as const satisfies Record<string, Header>;
export type RequestHeader = keyof typeof requestHeaders;

/** What an answer may carry that callers rely on. */
export const responseHeaders = {
  Location: { description: 'The path of what was made.', schema: { type: 'string' } },
  ETag: { description: 'The version of what is shown; for `If-None-Match`.', schema: { type: 'string' } },
  'Last-Modified': { description: 'When it was made.', schema: { type: 'string' } },
  'Accept-Ranges': { description: '`bytes`: parts of it can be read.', schema: { type: 'string' } },
  'Content-Range': { description: 'Which part of the file this is.', schema: { type: 'string' } },
  'Content-Disposition': { description: 'How the file is called.', schema: { type: 'string' } },
  'Retry-After': {
    description: 'Seconds after which it makes sense to ask again.',
    schema: { type: 'string', pattern: '^\\d+$' },
  },
  'Preference-Applied': { description: 'The `wait` of `Prefer` that was kept.', schema: { type: 'string' } },
  [REPLAYED_HEADER]: {
    description: `\`true\`: this is the first answer to the ${IDEMPOTENCY_HEADER} again, and nothing was done.`,
    schema: { type: 'string', enum: ['true'] },
  },
  'RateLimit-Policy': {
    description: 'How many calls the tenant may make in how many seconds; only where it has a limit.',
    schema: { type: 'string' },
  },
  RateLimit: {
    description: 'How many calls it has left, and seconds until that changes; only where it has a limit.',
    schema: { type: 'string' },
  },
  'WWW-Authenticate': { description: 'How to identify oneself.', schema: { type: 'string' } },
} as const satisfies Record<string, Header>;
export type ResponseHeader = keyof typeof responseHeaders;

/** References to headers of answers, for an answer's `headers`. */
export function referToHeaders(names: readonly ResponseHeader[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
