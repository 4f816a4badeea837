import { NonRetryableError, RetryLaterError } from '../define/errors.ts';
import { parseRetryAfterMs } from '../define/retry-after.ts';

/** A server may ask for any wait; a job that sleeps longer than this is taken for forgotten. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;
const EXCERPT_BYTES = 2048;
const EXCERPT_LENGTH = 300;
const transientStatuses: readonly number[] = [408, 425, 429];

/**
 * Turns an answer that is no success into the error that decides what follows: 5xx, 408, 425 and 429 are tried
 * again, after `Retry-After` when it says so (24 hours at most); everything else fails at once.
 * @param subject e.g. `GET https://example.com/a`
 */
export async function readFailure(subject: string, response: Response): Promise<Error> {
  const message = `${subject} answered ${describeStatus(response)}${await readExcerpt(response)}`;
  if (response.status < 500 && !transientStatuses.includes(response.status)) {
    const isRedirect = response.status >= 300 && response.status < 400;
    return new NonRetryableError(isRedirect ? `${message} (a redirect that was not followed)` : message);
  }
  const delayMs = parseRetryAfterMs(response.headers.get('retry-after'), Date.now());
  if (!delayMs) return new Error(message);
  const waitMs = Math.min(delayMs, MAX_RETRY_AFTER_MS);
  return new RetryLaterError(`${message} (asks to wait ${Math.ceil(delayMs / 1000)} s)`, waitMs);
}

/** A refused address and an answer beyond the limit fail at once; every other fault of the network is worth another attempt. */
export function toNetworkFailure(subject: string, error: unknown): Error {
  if (error instanceof NonRetryableError) return error;
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === 'ADDRESS_REFUSED' || code === 'RESPONSE_TOO_LARGE') {
    const what = code === 'ADDRESS_REFUSED' ? 'was not sent' : 'was given up';
    return new NonRetryableError(`${subject} ${what}: ${(error as Error).message}`, { cause: error });
  }
  const message = `${subject} failed: ${findReason(error)}`;
  // A port that the fetch standard blocks (https://fetch.spec.whatwg.org/#port-blocking) stays blocked.
  return findReason(error) === 'bad port'
    ? new NonRetryableError(message, { cause: error })
    : new Error(message, { cause: error });
}

export function describeStatus(response: Response): string {
  return `${response.status} ${response.statusText}`.trim();
}

// fetch says "fetch failed" and keeps the reason in its cause; a failed connect may hold one error for each address.
function findReason(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return inner !== undefined && depth < 5 ? findReason(inner, depth + 1) : error.message || error.name;
}

async function readExcerpt(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    while (bytes < EXCERPT_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.byteLength;
      text += decoder.decode(value.subarray(0, EXCERPT_BYTES), { stream: true });
    }
    await reader.cancel();
  } catch {
    // The status is what counts; the text is only there to help a person.
  }
  if (!/text|json|xml/.test(response.headers.get('content-type') ?? '')) return '';
  const line = text.replaceAll(/\s+/g, ' ').trim();
  if (line === '') return '';
  return `: ${line.length > EXCERPT_LENGTH ? `${line.slice(0, EXCERPT_LENGTH)}…` : line}`;
}
