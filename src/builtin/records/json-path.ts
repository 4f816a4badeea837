import { z } from 'zod';
import { NonRetryableError } from '../../define/errors.ts';

/** Names of fields and positions of arrays, joined by dots; empty: the whole. */
export const jsonPathSchema = z
  .string()
  .max(500)
  .regex(/^([^.]+(\.[^.]+)*)?$/, 'must be names of fields joined by dots, e.g. "data.items"');

/** @returns undefined where there is nothing */
export function readPath(value: unknown, path: string): unknown {
  if (path === '') return value;
  return path.split('.').reduce<unknown>((part, name) => {
    const isHeld = typeof part === 'object' && part !== null && Object.hasOwn(part, name);
    return isHeld ? (part as Record<string, unknown>)[name] : undefined;
  }, value);
}

// Part of the language since Node.js 21; TypeScript's library does not know it yet.
const json = JSON as unknown as {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { rawJSON: string };
};

/** From 1000 on: PostgreSQL writes `1e131071` with all its zeros, so that a small answer would fill its memory, and ours. */
const LARGE_EXPONENT = /e[+-]?0*[1-9]\d{3}/i;

const writeBack = (source: string) => (LARGE_EXPONENT.test(source) ? source : json.rawJSON(source));

/** Numbers that a double would change keep their digits: they are written back as they were read, with large exponents as text. */
export function parseJson(text: string): unknown {
  if (!/\d[\d.]{15}/.test(text)) return JSON.parse(text);
  const keep = (_: string, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' && source !== undefined && source !== String(value) ? writeBack(source) : value;
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown);
}

/** @returns a text or number, large ones with all their digits; undefined for anything else */
export function readScalar(value: unknown): string | number | undefined {
  if (json.isRawJSON(value)) return value.rawJSON;
  return typeof value === 'string' || typeof value === 'number' ? value : undefined;
}

/** @throws NonRetryableError when it is neither a text nor a number */
export function readId(record: unknown, path: string): string {
  const id = readScalar(readPath(record, path));
  if (id !== undefined && id !== '') return String(id);
  throw new NonRetryableError(`a record has no text or number at "${path}" that could be its id: ${clip(record)}`);
}

export function readObject(record: unknown): Record<string, unknown> {
  if (typeof record === 'object' && record !== null && !Array.isArray(record) && !json.isRawJSON(record)) {
    return record as Record<string, unknown>;
  }
  throw new NonRetryableError(`a record is no JSON object: ${clip(record)}`);
}

function clip(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 200 ? `${text.slice(0, 200).toWellFormed()}…` : text;
}
