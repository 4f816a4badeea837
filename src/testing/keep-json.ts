import { AppError } from '../shared/errors.ts';
import { encodeJson } from '../shared/json.ts';

const LIMIT_BYTES = 1024 * 1024;

/**
 * What the record would give back of a value.
 * @throws INVALID_FIELDS for what it would not take
 */
export function keepJson(what: string, value: unknown): unknown {
  const encoded = encodeJson(value, LIMIT_BYTES);
  if (!encoded.ok) throw new AppError('INVALID_FIELDS', `${what} ${encoded.fault}`);
  return JSON.parse(encoded.json) as unknown;
}
