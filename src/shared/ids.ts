import { createHash } from 'node:crypto';
import { parse, v7 as uuidV7 } from 'uuid';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A new UUIDv7 (RFC 9562): sorts by the time of its creation. */
export function createId(): string {
  return uuidV7();
}

/**
 * A UUIDv7 that is always the same for the same time and key, so that a delivery which arrives twice
 * is recorded once.
 * @param timeMs the Unix time in milliseconds that the id sorts by
 */
export function deriveId(timeMs: number, key: string): string {
  const random = createHash('sha256').update(key).digest();
  return uuidV7({ msecs: timeMs, seq: random.readUInt32BE(16), random: random.subarray(0, 16) });
}

/**
 * UUIDv7 that are always the same for the same seed, and grow.
 * @param seed a UUIDv7, which gives them its time
 */
export function deriveIds(seed: string, count: number): string[] {
  const msecs = Buffer.from(parse(seed)).readUIntBE(0, 6);
  const random = createHash('sha256').update(seed).digest();
  const first = random.readUInt32BE(16) >>> 1; // leaves room to count up in 32 bits
  return Array.from({ length: count }, (_, index) =>
    uuidV7({ msecs, seq: first + index, random: random.subarray(0, 16) }),
  );
}

export function isId(text: string): boolean {
  return UUID.test(text);
}
