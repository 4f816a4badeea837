import { z } from 'zod';
import { callWithin } from './call-within.ts';
import { httpRequestInputSchema, isEmptyBody, statusPatternSchema } from './http-request-schema.ts';

const DAY_MS = 24 * 3_600_000;
/** Each call leaves a line in the history of the job. */
const MAX_CALLS = 100_000;
/** The parser goes back at each function that is not closed: 15 of them within each other took it for ever. */
const PARSE_TIMEOUT_MS = 200;
const { url, method, headers, body, timeoutMs, maxResponseBytes, followRedirects } = httpRequestInputSchema.shape;

const pathSchema = z
  .string()
  .max(1000)
  .refine(isJsonPath, 'must be a JSONPath as RFC 9535 defines it, e.g. $.status or $.items[?@.state == "done"]');
const patternSchema = z.string().max(500).refine(isPattern, 'must be a regular expression');

const pathConditionSchema = z
  .strictObject({
    path: pathSchema.meta({ description: 'JSONPath (RFC 9535). Holds when any of the values that it selects fits.' }),
    equals: z.unknown().optional().meta({ description: 'The value is this one.' }),
    in: z.array(z.unknown()).min(1).max(100).optional().meta({ description: 'The value is one of these.' }),
    exists: z.boolean().optional().meta({ description: 'Whether there is any value; false for none.' }),
    matches: patternSchema.optional().meta({ description: 'A text in which the regular expression is found.' }),
    atLeast: z.number().optional().meta({ description: 'A number that is not smaller.' }),
    atMost: z.number().optional().meta({ description: 'A number that is not larger.' }),
  })
  .refine(({ path: _path, ...tests }) => Object.keys(tests).length > 0, {
    message: 'needs one of equals, in, exists, matches, atLeast, atMost',
  });
export type PathCondition = z.output<typeof pathConditionSchema>;

const statusConditionSchema = z.strictObject({
  status: z
    .array(statusPatternSchema)
    .min(1)
    .max(50)
    .meta({ description: 'In place of path: codes, classes like "2xx" or ranges like "200-204".' }),
});

const conditionSchema = z.union([statusConditionSchema, pathConditionSchema], {
  error: 'must be {status: […]}, or {path} with equals, in, exists, matches, atLeast or atMost',
});
export type Condition = z.output<typeof conditionSchema>;

export const httpPollInputSchema = z
  .strictObject({
    url,
    method,
    headers,
    body,
    followRedirects,
    maxResponseBytes,
    timeoutMs: timeoutMs.meta({ description: 'For one call, from the connection to the last byte.' }),
    until: z.array(conditionSchema).min(1).max(20).meta({
      description:
        'Ends the job when all of them hold: each has either status or path. Without one on the status, only of answers 2xx.',
    }),
    failWhen: z
      .array(conditionSchema)
      .max(20)
      .default([])
      .meta({ description: 'Fails the job at once when any of them holds; paths are looked at in answers 2xx.' }),
    intervalMs: z.int().min(100).max(DAY_MS).default(5000).meta({ description: 'From one call to the next.' }),
    backoffFactor: z.number().min(1).max(10).default(1.5).meta({ description: 'The interval grows by it each time.' }),
    maxIntervalMs: z.int().min(100).max(DAY_MS).default(60_000).meta({ description: 'How far it grows.' }),
    deadlineMs: z
      .int()
      .min(100)
      .max(30 * DAY_MS)
      .default(3_600_000)
      .meta({
        description: 'From the creation of the job, also of one that starts later. The last call is made then.',
      }),
    maxConsecutiveErrors: z.int().min(0).max(1000).default(10).meta({
      description:
        'Failed calls in a row (network, 5xx, 408, 425, 429) that count as not yet; one more ends the attempt.',
    }),
  })
  .refine((input) => isEmptyBody(input.body) || !['GET', 'HEAD'].includes(input.method), {
    path: ['body'],
    message: 'must not be given with GET or HEAD',
  })
  .refine((input) => estimateCalls(input) <= MAX_CALLS, {
    path: ['intervalMs'],
    message: `is too short for the deadline: at most ${MAX_CALLS} calls are made`,
  });
export type HttpPollInput = z.output<typeof httpPollInputSchema>;

export const httpPollOutputSchema = z.object({
  polls: z.int().meta({ description: 'Calls in all.' }),
  status: z.int(),
  matched: z.unknown().meta({ description: 'The first value that the first path condition selected; else null.' }),
  body: z.unknown().meta({ description: 'A JSON value, text or base64, as bodyEncoding says.' }),
  bodyEncoding: z.enum(['json', 'text', 'base64', 'none']),
  bytes: z.int(),
});

/** How many calls fit into the deadline, if each is answered at once. */
export function estimateCalls(input: {
  intervalMs: number;
  backoffFactor: number;
  maxIntervalMs: number;
  deadlineMs: number;
}): number {
  const { intervalMs: first, backoffFactor: factor, deadlineMs } = input;
  const longest = Math.max(first, input.maxIntervalMs);
  if (factor === 1 || longest === first) return deadlineMs / first;
  // The sum of a geometric series, up to the longest interval or the deadline.
  const growingMs = (longest - first) / (factor - 1);
  if (growingMs >= deadlineMs) return Math.log1p((deadlineMs * (factor - 1)) / first) / Math.log(factor);
  return Math.log(longest / first) / Math.log(factor) + (deadlineMs - growingMs) / longest;
}

// Loaded when a path is to be checked: most processes never need it.
async function isJsonPath(path: string): Promise<boolean> {
  const { default: parse } = await import('jsonpath-rfc9535/parser');
  try {
    callWithin(PARSE_TIMEOUT_MS, 'parsing', () => parse(path));
    return true;
  } catch {
    return false; // what it says of the place of a fault is not for callers
  }
}

function isPattern(pattern: string): boolean {
  try {
    return Boolean(new RegExp(pattern, 'u'));
  } catch {
    return false; // it is the answer
  }
}
