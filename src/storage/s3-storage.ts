import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import type { FileContent } from '../define/files.ts';
import { contentTypeOf, pathOfFile, pathOfOwner } from './addresses.ts';
import { isStream, requireFile, writeContent } from './replace-file.ts';
import { ifFound, openS3, type S3 } from './s3-client.ts';
import { findMarks, listS3Owners, removePrefix } from './s3-listing.ts';
import { uploadToS3 } from './s3-upload.ts';
import type { FileAddress, FileFacts, FileStorage, PutOptions } from './storage.ts';
import type { S3StorageSettings } from './storage-settings.ts';

/** Files in a bucket: `<prefix><tenant>/<id>/<name>`. */
export function createS3Storage(settings: S3StorageSettings): FileStorage {
  let opening: Promise<S3> | undefined;
  const connect = () => {
    opening ??= openS3(settings);
    return opening;
  };
  const keyOf = (address: FileAddress) => settings.prefix + pathOfFile(address);

  const putStream = async (address: FileAddress, content: AsyncIterable<Uint8Array>, options: PutOptions) => {
    const { contentType = contentTypeOf(address.name), signal, onWhole } = options;
    return uploadToS3(await connect(), { key: keyOf(address), content, contentType, signal, onWhole });
  };

  return {
    settings,

    async put(address, content, options) {
      options.signal.throwIfAborted();
      try {
        if (typeof content === 'function') {
          return await withWritten(address.name, content, options.signal, (file) => putStream(address, file, options));
        }
        return await putStream(address, isStream(content) ? content : asStream(content), options);
      } catch (error) {
        options.signal.throwIfAborted();
        throw error;
      }
    },

    async open(address, { range, signal } = {}) {
      const s3 = await connect();
      const Range = range && `bytes=${range.start}-${range.end}`;
      const sending = signal ? { abortSignal: signal } : {};
      const found = await ifFound(
        s3.ask((client) => client.send(new s3.sdk.GetObjectCommand({ ...s3.at(keyOf(address)), Range }), sending)),
      );
      if (!found) return undefined;
      const stream = found.Body as Readable; // in Node it always is
      return { ...toFacts(address.name, found), stream: signal ? addAbortSignal(signal, stream) : stream };
    },

    async stat(address) {
      const s3 = await connect();
      const found = await ifFound(s3.ask((client) => client.send(new s3.sdk.HeadObjectCommand(s3.at(keyOf(address))))));
      return found && toFacts(address.name, found);
    },

    async findPath(address) {
      keyOf(address); // refused here as everywhere
      return undefined;
    },

    async remove(address) {
      const s3 = await connect();
      await s3.ask((client) => client.send(new s3.sdk.DeleteObjectCommand(s3.at(keyOf(address)))));
    },

    removeAll: async (owner) => removePrefix(await connect(), `${settings.prefix}${pathOfOwner(owner)}/`),

    async *list() {
      yield* listS3Owners(await connect(), settings.prefix);
    },

    mark: async (installation) => findMarks(await connect(), settings.prefix, installation),

    close() {
      // A connection that was never opened has nothing to close, and one that failed to open neither.
      opening?.then(
        (s3) => s3.close(),
        () => undefined,
      );
    },
  };
}

async function* asStream(content: Uint8Array | string): AsyncGenerator<Uint8Array> {
  yield typeof content === 'string' ? Buffer.from(content) : content;
}

/** Lets a function write a file in a temporary folder, which is gone afterwards. */
async function withWritten<Result>(
  name: string,
  write: Extract<FileContent, (path: string) => Promise<void>>,
  signal: AbortSignal,
  use: (content: AsyncIterable<Uint8Array>) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-file-'));
  try {
    const path = join(folder, name);
    await writeContent(path, write, signal);
    await requireFile(path, name);
    signal.throwIfAborted();
    return await use(createReadStream(path));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Found {
  ContentLength?: number | undefined;
  ContentRange?: string | undefined;
  ContentType?: string | undefined;
  ETag?: string | undefined;
  LastModified?: Date | undefined;
}

function toFacts(name: string, { ContentLength, ContentRange, ContentType, ETag, LastModified }: Found): FileFacts {
  const whole = /\/(\d+)$/.exec(ContentRange ?? '')?.[1];
  return {
    bytes: whole === undefined ? (ContentLength ?? 0) : Number(whole),
    contentType: ContentType ?? contentTypeOf(name),
    etag: ETag ?? '""',
    lastModified: LastModified ?? new Date(0),
  };
}
