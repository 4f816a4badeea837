import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLentPieces, writeLentPieces } from './lent-pieces.ts';

const CONTENT = randomBytes(1_234_567);
const { signal } = new AbortController();
let folder: string;
let source: Awaited<ReturnType<typeof open>>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lent-pieces-'));
  await writeFile(join(folder, 'source'), CONTENT);
  source = await open(join(folder, 'source'));
});
afterEach(async () => {
  await source.close();
  await rm(folder, { recursive: true, force: true });
});

describe('pieces that are lent', () => {
  it('lie in one buffer, and each is written before the next takes its place', async () => {
    const buffers = new Set<ArrayBufferLike>();
    async function* watched() {
      for await (const piece of readLentPieces(source)) {
        buffers.add(piece.buffer);
        yield piece;
      }
    }
    await writeLentPieces(join(folder, 'copy'), watched(), signal);
    expect(CONTENT.equals(await readFile(join(folder, 'copy')))).toBe(true);
    expect(buffers.size).toBe(1);
  });

  it('are written to a new file only', async () => {
    await writeFile(join(folder, 'taken'), 'mine');
    const writing = writeLentPieces(join(folder, 'taken'), readLentPieces(source), signal);
    await expect(writing).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(join(folder, 'taken'), 'utf8')).toBe('mine');
  });

  it('stop coming when the signal aborts, with its reason', async () => {
    const stopping = new AbortController();
    let pieces = 0;
    async function* aborting() {
      for await (const piece of readLentPieces(source)) {
        pieces += 1;
        stopping.abort(new Error('enough'));
        yield piece;
      }
    }
    await expect(writeLentPieces(join(folder, 'copy'), aborting(), stopping.signal)).rejects.toThrow('enough');
    expect(pieces).toBe(1);
  });
});
