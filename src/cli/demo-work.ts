import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export const DEMO_FILE_BYTES = 64 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/** Writes a file that takes a moment to compress: lines of made-up orders. */
export async function writeDemoFile(folder: string, signal: AbortSignal): Promise<string> {
  const path = join(folder, 'orders.csv');
  await pipeline(Readable.from(makeChunks()), createWriteStream(path), { signal });
  return path;
}

// gzip looks back 32 kB only, so one chunk over and over costs as much as new text each time.
function* makeChunks(): Generator<Buffer> {
  const chunk = makeOrders(CHUNK_BYTES);
  for (let written = 0; written < DEMO_FILE_BYTES; written += chunk.length) yield chunk;
}

function makeOrders(bytes: number): Buffer {
  const lines = ['order,customer,product,amount,currency,paid_at\n'];
  for (let size = 0, order = 100_000; size < bytes; order += 1) {
    const line = `${order},${(order * 7919) % 100_003},sku-${(order * 104_729) % 9_973},${((order * 31) % 90_000) / 100},EUR,2026-01-${String((order % 28) + 1).padStart(2, '0')}T08:${String(order % 60).padStart(2, '0')}:00Z\n`;
    lines.push(line);
    size += line.length;
  }
  return Buffer.from(lines.join('')).subarray(0, bytes);
}
