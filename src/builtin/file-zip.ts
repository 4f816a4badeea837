import { createHash, type Hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import type { JobContext } from '../define/context.ts';
import { createMeter } from './file-meter.ts';
import { createReporter, formatBytes } from './file-progress.ts';
import type { FileInput, FileOutput } from './file-schema.ts';
import { nameOf, openSource, toSafeName } from './file-source.ts';
import { findPath } from './file-store.ts';
import { createUniqueNames } from './unique-names.ts';

/** Packs files into one archive, a file after the other, as a stream. */
export async function zipFiles(input: FileInput, ctx: JobContext): Promise<FileOutput> {
  const sources = input.sources ?? (input.source === undefined ? [] : [input.source]);
  const toUnique = createUniqueNames();
  const wanted = sources.map((source) => ({ source, entry: toUnique(nameOf(source)) }));
  const packing = pack(wanted, input, ctx);
  const hash = createHash(input.checksum);
  const name = withEnding(toSafeName(input.name ?? 'archive.zip'));
  const { expiresInMs } = input;
  const file = await ctx.files.create(name, measure(packing.content, hash), { expiresInMs });
  const bytes = packing.entries.reduce((sum, entry) => sum + entry.bytes, 0);
  ctx.progress(100, `${packing.entries.length} files, ${formatBytes(bytes)}, packed as ${file.key}`);
  return {
    operation: 'zip',
    key: file.key,
    url: file.url,
    path: await findPath(file.key, ctx),
    bytes,
    storedBytes: file.bytes,
    checksum: hash.digest('hex'),
    checksumAlgorithm: input.checksum,
    mimeType: 'application/zip',
    entries: packing.entries,
  };
}

interface Wanted {
  source: string;
  entry: string;
}

function pack(wanted: readonly Wanted[], { maxBytes, checksum }: FileInput, ctx: JobContext) {
  const entries: { entry: string; bytes: number }[] = [];
  const archive = new ZipFile();
  const content = archive.outputStream as Readable;
  content.on('error', () => undefined); // who reads it hears of it, unless it has given up reading
  archive.on('error', (error: Error) => content.destroy(error));
  let packed = 0;
  const report = createReporter(ctx, undefined);
  async function* read({ source, entry }: Wanted): AsyncGenerator<Uint8Array> {
    const opened = await openSource(source, ctx);
    try {
      const counted = { entry, bytes: 0 };
      const onBytes = (bytes: number) => {
        counted.bytes = bytes;
        report(packed + bytes);
      };
      const meter = createMeter({ algorithm: checksum, maxBytes: maxBytes - packed, onBytes });
      yield* meter.pass(opened.content);
      packed += counted.bytes;
      entries.push(counted);
    } finally {
      await opened.close();
    }
  }
  for (const each of wanted) {
    // Of a fixed time, so that another attempt makes the same archive.
    const options = { mtime: ctx.job.createdAt, mode: 0o100_644 };
    archive.addReadStreamLazy(each.entry, options, (give) => {
      const stream = Readable.from(read(each), { objectMode: false });
      content.once('close', () => stream.destroy()); // also where the archive is given up
      stream.once('error', (error) => content.destroy(error));
      give(null, stream);
    });
  }
  archive.end();
  return { entries, content };
}

async function* measure(content: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}

function withEnding(name: string): string {
  return /\.zip$/i.test(name) ? name : `${name}.zip`;
}
