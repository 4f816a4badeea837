import type { FieldError } from './errors.ts';

const NUL = '\u0000';

/** Finds text that Postgres cannot store: NUL in any string or key. Paths are dotted from `root`. */
export function findNulText(value: unknown, root: string): FieldError[] {
  if (typeof value === 'string') {
    return value.includes(NUL)
      ? [{ path: root, message: 'must not contain NUL (U+0000): PostgreSQL cannot store it' }]
      : [];
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => findNulText(item, join(root, String(index))));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => [
    ...(key.includes(NUL)
      ? [{ path: root, message: 'has a key that contains NUL (U+0000): PostgreSQL cannot store it' }]
      : []),
    ...findNulText(item, join(root, key)),
  ]);
}

function join(root: string, key: string): string {
  return root === '' ? key : `${root}.${key}`;
}

export type Encoded = { ok: true; json: string } | { ok: false; fault: string };

/**
 * Encodes a value as JSON for the record, refusing what JSON cannot hold.
 * @param limitBytes the largest UTF-8 size that is allowed
 */
export function encodeJson(value: unknown, limitBytes: number): Encoded {
  if (value === undefined) return { ok: true, json: 'null' };
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    return { ok: false, fault: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (json === undefined) return { ok: false, fault: `is not JSON: a ${typeof value} cannot be stored` };
  const bytes = Buffer.byteLength(json);
  if (bytes > limitBytes)
    return {
      ok: false,
      fault: `is ${bytes} bytes of JSON; at most ${limitBytes} are allowed (store a file and return its path)`,
    };
  if (json.includes('\\u0000') && findNulText(JSON.parse(json), '').length > 0) {
    return { ok: false, fault: 'contains NUL (U+0000), which PostgreSQL cannot store' };
  }
  return { ok: true, json };
}
