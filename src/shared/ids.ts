import { createHash, randomBytes } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Digits of what is neither time nor order in an id; all but the first 6 bits are used. */
const RANDOM_DIGITS = 12;
const POOL_BYTES = 4096 * (RANDOM_DIGITS / 2);

// Drawn in large pieces: each call to the system's generator costs more than the rest of an id.
let pool = '';
let drawn = 0;

let lastMs = 0;
let lastTime = '';
let lastOrder = 0;

/** A new UUIDv7 (RFC 9562): sorts by the time of its creation, in this process also within a millisecond. */
export function createId(): string {
  const nowMs = Date.now();
  if (nowMs > lastMs) startMillisecond(nowMs, Number.parseInt(drawDigits().slice(0, 8), 16) >>> 1);
  else if (lastOrder === 0xffffffff) startMillisecond(lastMs + 1, 0);
  else lastOrder += 1;
  return toUuid(lastTime, lastOrder, drawDigits());
}

/**
 * A UUIDv7 that is always the same for the same time and key, so that a delivery which arrives twice
 * is recorded once.
 * @param timeMs the Unix time in milliseconds that the id sorts by
 */
export function deriveId(timeMs: number, key: string): string {
  const random = createHash('sha256').update(key).digest();
  return toUuid(toTime(timeMs), random.readUInt32BE(16), random.toString('hex', 10, 16));
}

/**
 * UUIDv7 that are always the same for the same seed, and grow.
 * @param seed a UUIDv7, which gives them its time
 */
export function deriveIds(seed: string, count: number): string[] {
  const time = seed.slice(0, 8) + seed.slice(9, 13);
  const random = createHash('sha256').update(seed).digest();
  const first = random.readUInt32BE(16) >>> 1; // leaves room to count up in 32 bits
  const digits = random.toString('hex', 10, 16);
  return Array.from({ length: count }, (_, index) => toUuid(time, first + index, digits));
}

export function isId(text: string): boolean {
  return UUID.test(text);
}

/** @param order where to begin to count; below 2^31 there is always room left */
function startMillisecond(timeMs: number, order: number): void {
  lastMs = timeMs;
  lastTime = toTime(timeMs);
  lastOrder = order;
}

function toTime(timeMs: number): string {
  return timeMs.toString(16).padStart(12, '0');
}

function drawDigits(): string {
  if (drawn === pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    drawn = 0;
  }
  drawn += RANDOM_DIGITS;
  return pool.slice(drawn - RANDOM_DIGITS, drawn);
}

/**
 * @param time 12 hexadecimal digits
 * @param order 32 bits that ids of one millisecond sort by
 * @param random {@link RANDOM_DIGITS} hexadecimal digits
 */
function toUuid(time: string, order: number, random: string): string {
  const version = (0x7000 | (order >>> 20)).toString(16);
  const variant = (0x8000 | ((order >>> 6) & 0x3fff)).toString(16);
  const twoBits = Number.parseInt(random.charAt(1), 16) & 3;
  const node = (0x100 | ((order & 0x3f) << 2) | twoBits).toString(16).slice(1);
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}-${variant}-${node}${random.slice(2)}`;
}
