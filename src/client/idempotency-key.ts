import type { CallOptions } from './connection.ts';

export interface CreateOptions extends CallOptions {
  /**
   * 1 to 255 visible ASCII characters: a call that is repeated with it within 24 h has no second effect. Default: a new
   * one for each call, so that the client's own retries have none.
   */
  idempotencyKey?: string | undefined;
}

/** For every call that creates: only with a key may it be repeated. */
export function formatKey({ idempotencyKey = createKey() }: CreateOptions): Record<string, string> {
  return { [IDEMPOTENCY_HEADER]: idempotencyKey };
}

export const IDEMPOTENCY_HEADER = 'idempotency-key';

// Not randomUUID, which browsers have only on https.
function createKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
