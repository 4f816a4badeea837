import type { FieldError } from './errors.ts';

/** Deeper nesting is refused: recursive functions have to survive it. */
export const MAX_DEPTH = 500;

/**
 * Whether nothing in a parsed JSON value would be lost, changed or refused on its way: keys `__proto__`, numbers beyond a
 * double, text that PostgreSQL cannot store, too deep nesting. One cheap look; what is wrong, and where, others find.
 */
export function isPlainJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return isStorableText(value);
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  if (depth > MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isPlainJson(item, depth + 1));
  for (const key in value) {
    if (key === '__proto__' || !isStorableText(key)) return false;
    if (!isPlainJson((value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  return true;
}

/** Finds text that PostgreSQL cannot store: NUL, or half of a surrogate pair. Paths are dotted from `root`. */
export function findUnstorableText(value: unknown, root: string): FieldError[] {
  return isPlainJson(value) ? [] : listUnstorableText(value, root);
}

function listUnstorableText(value: unknown, root: string): FieldError[] {
  if (typeof value === 'string') {
    const fault = faultOfText(value);
    return fault === undefined
      ? []
      : [{ path: root, message: `must not contain ${fault}: PostgreSQL cannot store it` }];
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => listUnstorableText(item, join(root, String(index))));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const fault = faultOfText(key);
    const ofKey =
      fault === undefined ? [] : [{ path: root, message: `has a key with ${fault}: PostgreSQL cannot store it` }];
    return [...ofKey, ...listUnstorableText(item, join(root, key))];
  });
}

/** The same text with U+FFFD in place of what PostgreSQL cannot store. */
export function toStorableText(text: string): string {
  return text.replaceAll('\u0000', '\uFFFD').toWellFormed();
}

/** Whether PostgreSQL can store a text: it has neither NUL nor half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

function faultOfText(text: string): string | undefined {
  if (text.includes('\u0000')) return 'NUL (U+0000)';
  return text.isWellFormed() ? undefined : 'half of a surrogate pair';
}

function join(root: string, key: string): string {
  return root === '' ? key : `${root}.${key}`;
}

export function describeExcess(bytes: number, limitBytes: number): string {
  return `is ${bytes} bytes of JSON; at most ${limitBytes} are allowed (store a file and return its path)`;
}

export type Encoded = { ok: true; json: string } | { ok: false; fault: string };

/**
 * Encodes a value as JSON for the record, refusing what JSON or PostgreSQL cannot hold.
 * @param limitBytes the largest UTF-8 size that is allowed
 */
export function encodeJson(value: unknown, limitBytes: number): Encoded {
  let json: string | undefined;
  try {
    json = JSON.stringify(value ?? null);
  } catch (error) {
    return { ok: false, fault: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (json === undefined) return { ok: false, fault: `is not JSON: a ${typeof value} cannot be stored` };
  const bytes = Buffer.byteLength(json);
  if (bytes > limitBytes) {
    return { ok: false, fault: describeExcess(bytes, limitBytes) };
  }
  // Both faults show as an escape, so most values need no second look.
  if (!/\\u(0000|d[89a-f])/i.test(json)) return { ok: true, json };
  try {
    const fault = findUnstorableText(JSON.parse(json), '')[0];
    return fault
      ? { ok: false, fault: `${fault.path ? `at ${fault.path} ` : ''}${fault.message}` }
      : { ok: true, json };
  } catch {
    return { ok: false, fault: 'is nested too deeply' };
  }
}
