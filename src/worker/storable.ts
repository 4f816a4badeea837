import { toFailure } from '../shared/failure.ts';
import { encodeJson, toStorableText } from '../shared/json.ts';

const MESSAGE_LIMIT = 8000;
const FIELDS_LIMIT_BYTES = 16_384;

/** What a handler says, as the record can hold it. */
export function toText(message: unknown): string {
  // Cut first: a cut in the middle of a surrogate pair leaves a half that PostgreSQL refuses.
  return toStorableText(String(message).slice(0, MESSAGE_LIMIT));
}

/** The fields of a log line as plain JSON, or a word about why they were left out. */
export function toStorableFields(fields: Record<string, unknown>): Record<string, unknown> {
  // JSON shows an error as {}.
  const shown = fields.error instanceof Error ? { ...fields, error: toFailure(fields.error) } : fields;
  const encoded = encodeJson(shown, FIELDS_LIMIT_BYTES);
  return encoded.ok ? JSON.parse(encoded.json) : { omitted: `the fields: ${encoded.fault}` };
}

/** @throws TypeError for what is no number */
export function clampPercent(percent: number): number {
  if (typeof percent !== 'number' || Number.isNaN(percent)) {
    throw new TypeError(`progress takes a number, not ${percent}`);
  }
  return Math.min(100, Math.max(0, percent));
}
