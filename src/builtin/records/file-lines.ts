import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { NonRetryableError } from '../../define/errors.ts';
import { parseJson, readObject } from './json-path.ts';

type Content = AsyncIterable<Uint8Array>;

const MAX_RECORD_BYTES = 1024 ** 2;
const GZIP = [0x1f, 0x8b];

/** Records by the names in the first line; every value is text. */
export async function* readCsv(content: Content, delimiter: string): AsyncGenerator<Record<string, string>> {
  const { parse } = await import('csv-parse');
  const parser = parse({
    columns: true,
    bom: true,
    delimiter,
    skip_empty_lines: true,
    max_record_size: MAX_RECORD_BYTES,
  });
  // What fails on the way ends the parser with the same error, which the loop throws.
  pipeline(Readable.from(unzip(content), { objectMode: false }), parser, () => undefined);
  try {
    for await (const record of parser) yield record as Record<string, string>;
  } catch (error) {
    const isOfFormat = String((error as { code?: unknown }).code).startsWith('CSV_');
    throw isOfFormat
      ? new NonRetryableError(`the file is no CSV: ${(error as Error).message}`, { cause: error })
      : error;
  }
}

/** One JSON object a line; empty lines are skipped. */
export async function* readJsonLines(content: Content): AsyncGenerator<Record<string, unknown>> {
  let line = 0;
  for await (const text of splitLines(unzip(content))) {
    line += 1;
    if (text.trim() === '') continue;
    yield readObject(parseLine(text, line));
  }
}

function parseLine(text: string, line: number): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new NonRetryableError(`line ${line} of the file is no JSON: ${(cause as Error).message}`, { cause });
  }
}

async function* splitLines(content: Content): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (chunk?: Uint8Array) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      throw new NonRetryableError('the file is no UTF-8', { cause });
    }
  };
  let rest = '';
  for await (const chunk of content) {
    const lines = (rest + decode(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_RECORD_BYTES) throw new NonRetryableError(`a line is longer than ${MAX_RECORD_BYTES} bytes`);
    yield* lines;
  }
  rest += decode();
  if (rest !== '') yield rest;
}

/** Told by the first two bytes: servers and names do not agree on how to say it. */
async function* unzip(content: Content): AsyncGenerator<Uint8Array> {
  const chunks = content[Symbol.asyncIterator]();
  let start = new Uint8Array();
  let isDone = false;
  while (start.length < GZIP.length && !isDone) {
    const { done = false, value } = await chunks.next();
    isDone = done;
    if (value) start = Buffer.concat([start, value]);
  }
  const whole = resume(start, isDone ? undefined : chunks);
  if (!GZIP.every((byte, index) => start[index] === byte)) return yield* whole;
  const gunzip = createGunzip();
  // As above: the loop throws what went wrong.
  pipeline(Readable.from(whole, { objectMode: false }), gunzip, () => undefined);
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (error) {
    const isOfFormat = /^Z_/.test(String((error as { code?: unknown }).code));
    throw isOfFormat ? new Error(`the file cannot be unpacked: ${(error as Error).message}`, { cause: error }) : error;
  }
}

async function* resume(start: Uint8Array, chunks: AsyncIterator<Uint8Array> | undefined): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start;
  if (chunks) yield* { [Symbol.asyncIterator]: () => chunks };
}
