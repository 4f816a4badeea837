import { createHash, randomFillSync } from 'node:crypto';
import { parse, v7 as uuidV7 } from 'uuid';

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const RANDOM_BYTES = 16;
// Drawn for many ids at once: a call to the system's generator costs more than the rest of an id.
const pool = new Uint8Array(RANDOM_BYTES * 512);
let drawn = pool.length;
let last = { msecs: 0, seq: 0 };

/** A new UUIDv7 (RFC 9562): sorts by the time of its creation, in this process also within a millisecond. */
export function createId(): string {
  const random = drawBytes();
  const now = Date.now();
  if (now > last.msecs) last = { msecs: now, seq: new DataView(random.buffer, random.byteOffset).getUint32(6) >>> 1 };
  else last = { msecs: last.msecs, seq: last.seq + 1 }; // begins below 2^31, so it ends long after its millisecond
  return uuidV7({ ...last, random });
}

function drawBytes(): Uint8Array {
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += RANDOM_BYTES;
  return pool.subarray(drawn - RANDOM_BYTES, drawn);
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

/**
 * The UUIDv7 of one of the jobs of a stream: always the same for the same seed, place and text; grows with the place.
 * @param seed a UUIDv7, which gives it its time
 */
export function deriveLineId(seed: string, index: number, text: string): string {
  const msecs = Buffer.from(parse(seed)).readUIntBE(0, 6);
  const random = createHash('sha256').update(seed).update(text).digest().subarray(0, 16);
  return uuidV7({ msecs, seq: index, random });
}

/** A new UUIDv7 that sorts after another one, of the next millisecond. */
export function createLaterId(id: string): string {
  return uuidV7({ msecs: Buffer.from(parse(id)).readUIntBE(0, 6) + 1, random: drawBytes() });
}

export function isId(text: string): boolean {
  return UUID.test(text);
}
