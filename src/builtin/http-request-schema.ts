import { z } from 'zod';
import { webUrlSchema } from './web-url.ts';

const KIB = 1024;
const DEFAULT_RESPONSE_BYTES = 256 * KIB;
/** What the record keeps of one output. */
export const OUTPUT_BYTES = 1024 * KIB;
/** Leaves room for the headers (undici takes 16 KiB of them) and the rest of the output. */
const MAX_RESPONSE_BYTES = OUTPUT_BYTES - 32 * KIB;

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** What fetch does not allow, and what describes the connection rather than the message. */
const forbiddenMethods = ['CONNECT', 'TRACE', 'TRACK'];
const connectionHeaders = ['connection', 'content-length', 'expect', 'keep-alive', 'transfer-encoding', 'upgrade'];

const headerNameSchema = z
  .string()
  .max(200)
  .regex(HEADER_NAME, 'must be the name of a header')
  .refine((name) => !connectionHeaders.includes(name.toLowerCase()), {
    error: (issue) => `"${String(issue.input)}" is set by the program and cannot be chosen`,
  });
const headerValueSchema = z.string().max(8000).regex(HEADER_VALUE, 'must be Latin-1 text without line breaks');

export const headersSchema = z.record(headerNameSchema, headerValueSchema);

export const statusPatternSchema = z.union([
  z.int().min(100).max(599),
  z.string().regex(/^([1-5][xX]{2}|[1-5]\d{2}(-[1-5]\d{2})?)$/, 'must be a status like "204", "2xx" or "200-204"'),
]);
export type StatusPattern = z.infer<typeof statusPatternSchema>;

export const httpRequestInputSchema = z
  .strictObject({
    url: webUrlSchema,
    method: z
      .string()
      .regex(/^[A-Za-z][A-Za-z-]{0,31}$/, 'must be an HTTP method')
      .toUpperCase()
      .refine((method) => !forbiddenMethods.includes(method), `must not be ${forbiddenMethods.join(', ')}`)
      .default('GET'),
    headers: headersSchema.default({}),
    body: z
      .unknown()
      .optional()
      .meta({ description: 'A string is sent as it is, anything else as JSON; null sends no body.' }),
    timeoutMs: z
      .int()
      .min(1)
      .max(600_000)
      .default(30_000)
      .meta({ description: 'For one attempt, from the connection to the last byte.' }),
    successStatuses: z
      .array(statusPatternSchema)
      .min(1)
      .max(50)
      .default(['2xx'])
      .meta({ description: 'Statuses that count as success: codes, classes like "2xx" or ranges like "200-204".' }),
    maxResponseBytes: z
      .int()
      .min(0)
      .max(MAX_RESPONSE_BYTES)
      .default(DEFAULT_RESPONSE_BYTES)
      .meta({ description: 'A larger answer fails the job.' }),
    followRedirects: z.boolean().default(true).meta({ description: 'Without it a redirect is an answer like others.' }),
  })
  .refine((input) => isEmptyBody(input.body) || !['GET', 'HEAD'].includes(input.method), {
    path: ['body'],
    message: 'must not be given with GET or HEAD',
  });
export type HttpRequestInput = z.output<typeof httpRequestInputSchema>;

export const httpRequestOutputSchema = z.object({
  url: z.string().meta({ description: 'Where the answer came from, after redirects.' }),
  status: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.unknown().meta({ description: 'A JSON value, text or base64, as bodyEncoding says.' }),
  bodyEncoding: z.enum(['json', 'text', 'base64', 'none']),
  bytes: z.int().meta({ description: 'The size of the body, after content decoding.' }),
  durationMs: z.int(),
});
export type HttpRequestOutput = z.infer<typeof httpRequestOutputSchema>;

export function isEmptyBody(body: unknown): body is undefined | null {
  return body === undefined || body === null;
}

export function matchesStatus(patterns: readonly StatusPattern[], status: number): boolean {
  return patterns.some((pattern) => {
    const text = String(pattern).toLowerCase();
    if (text.endsWith('xx')) return Math.floor(status / 100) === Number(text[0]);
    const [first, last = first] = text.split('-').map(Number);
    return first !== undefined && last !== undefined && first <= status && status <= last;
  });
}
