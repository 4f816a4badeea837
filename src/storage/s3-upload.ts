import type { S3 } from './s3-client.ts';

const MIB = 1024 ** 2;
/** S3 takes parts from 5 MiB, and 10,000 of them: they grow, so that a file may have 440 GB. */
const PART_BYTES = 8 * MIB;
const PARTS_OF_A_SIZE = 1000;

export interface S3Upload {
  key: string;
  content: AsyncIterable<Uint8Array>;
  contentType: string;
  signal: AbortSignal;
  onWhole: ((bytes: number) => Promise<void>) | undefined;
}

/**
 * Streams an object into the bucket, a part in memory at a time. It appears with the last request, which is sent only when
 * the signal has not aborted by then; the SDK's own upload leaves no such moment.
 * @returns its size in bytes
 */
export async function uploadToS3(s3: S3, upload: S3Upload): Promise<number> {
  const { key, contentType: ContentType, signal, onWhole } = upload;
  const parts = readParts(upload.content, signal);
  const first = await parts.next();
  const second = await parts.next();
  if (!second.done && !first.done) return uploadParts(s3, upload, parts, [first.value, second.value]);
  const Body = first.done ? Buffer.alloc(0) : first.value;
  await onWhole?.(Body.length);
  signal.throwIfAborted();
  const command = new s3.sdk.PutObjectCommand({ ...s3.at(key), Body, ContentLength: Body.length, ContentType });
  await s3.ask((client) => client.send(command));
  return Body.length;
}

async function uploadParts(
  s3: S3,
  { key, contentType: ContentType, signal, onWhole }: S3Upload,
  rest: AsyncGenerator<Buffer>,
  begun: Buffer[],
): Promise<number> {
  const { sdk } = s3;
  const beginning = new sdk.CreateMultipartUploadCommand({ ...s3.at(key), ContentType });
  const { UploadId } = await s3.ask((client) => client.send(beginning, { abortSignal: signal }));
  const upload = { ...s3.at(key), UploadId };
  const Parts: { ETag: string | undefined; PartNumber: number }[] = [];
  let bytes = 0;
  const send = async (Body: Buffer) => {
    const PartNumber = Parts.length + 1;
    const command = new sdk.UploadPartCommand({ ...upload, PartNumber, Body, ContentLength: Body.length });
    const { ETag } = await s3.ask((client) => client.send(command, { abortSignal: signal }));
    Parts.push({ ETag, PartNumber });
    bytes += Body.length;
  };
  try {
    for (let part = begun.shift(); part; part = begun.shift()) await send(part);
    for await (const part of rest) await send(part);
    await onWhole?.(bytes);
    signal.throwIfAborted();
  } catch (error) {
    await rest.return(undefined);
    const aborting = s3.ask((client) => client.send(new sdk.AbortMultipartUploadCommand(upload)));
    await aborting.catch(() => undefined); // what failed matters more; a lifecycle rule of the bucket removes parts that stay
    throw error;
  }
  const completing = new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
  await s3.ask((client) => client.send(completing));
  return bytes;
}

/** All of a stream, in parts of the sizes that they are sent in; the last one may be smaller. */
async function* readParts(content: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Buffer> {
  let chunks: Uint8Array[] = [];
  let [bytes, count] = [0, 0];
  for await (const chunk of content) {
    signal.throwIfAborted();
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < sizeOfPart(count)) continue;
    yield Buffer.concat(chunks);
    [chunks, bytes, count] = [[], 0, count + 1];
  }
  signal.throwIfAborted();
  if (bytes > 0) yield Buffer.concat(chunks);
}

function sizeOfPart(index: number): number {
  return PART_BYTES * (1 + Math.floor(index / PARTS_OF_A_SIZE));
}
