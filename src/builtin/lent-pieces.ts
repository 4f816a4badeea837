import { type FileHandle, open } from 'node:fs/promises';

const PIECE_BYTES = 512 * 1024;

/**
 * Reads a file through one buffer: a piece is good until the next one is asked for. A stream has a buffer for each piece,
 * and V8 lets 64 MB of them gather before it looks which are still in use.
 */
export async function* readLentPieces(from: FileHandle): AsyncGenerator<Uint8Array, void> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  for (;;) {
    const { bytesRead } = await from.read(buffer, 0, PIECE_BYTES, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Writes to a path where nothing is yet. Done with each piece before it asks for the next. */
export async function writeLentPieces(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for await (const piece of pieces) {
      signal.throwIfAborted();
      await file.writeFile(piece); // goes on where the one before ended
    }
  } finally {
    await file.close();
  }
}
