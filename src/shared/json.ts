import type { FieldError } from './errors.ts';

/** Finds text that PostgreSQL cannot store: NUL, or half of a surrogate pair. Paths are dotted from `root`. */
export function findUnstorableText(value: unknown, root: string): FieldError[] {
  if (typeof value === 'string') {
    const fault = faultOfText(value);
    return fault === undefined
      ? []
      : [{ path: root, message: `must not contain ${fault}: PostgreSQL cannot store it` }];
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => findUnstorableText(item, join(root, String(index))));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const fault = faultOfText(key);
    const ofKey =
      fault === undefined ? [] : [{ path: root, message: `has a key with ${fault}: PostgreSQL cannot store it` }];
    return [...ofKey, ...findUnstorableText(item, join(root, key))];
  });
}

/** The same text with U+FFFD in place of what PostgreSQL cannot store. */
export function toStorableText(text: string): string {
  return text.replaceAll('\u0000', '\uFFFD').toWellFormed();
}

function faultOfText(text: string): string | undefined {
  if (text.includes('\u0000')) return 'NUL (U+0000)';
  return text.isWellFormed() ? undefined : 'half of a surrogate pair';
}

function join(root: string, key: string): string {
  return root === '' ? key : `${root}.${key}`;
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
    return {
      ok: false,
      fault: `is ${bytes} bytes of JSON; at most ${limitBytes} are allowed (store a file and return its path)`,
    };
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
