import type { JobContext } from '../../define/context.ts';
import type { StoredFile } from '../../define/files.ts';
import { type UrlResult, urlResultSchema } from './warm-schema.ts';

const FILE = 'results.jsonl';
const CONTENT_TYPE = 'application/x-ndjson';
const LINES_AT_ONCE = 500;
/** What a killed process may have to do again. */
const SAVE_EVERY_MS = 10_000;

export interface Results {
  readonly all: ReadonlyMap<string, UrlResult>;
  /** Keeps a result, and now and then all of them in the file, so that the next attempt does not begin anew. */
  add(result: UrlResult): Promise<void>;
  save(): Promise<StoredFile>;
}

/** Takes up what earlier attempts did: whatever did not fail is done. */
export async function openResults(ctx: JobContext): Promise<Results> {
  const all = await readEarlier(ctx);
  let savedAt = performance.now();
  let saving: Promise<StoredFile> | undefined;
  const save = async () => {
    const file = await ctx.files.create(FILE, formatLines([...all.values()]), { contentType: CONTENT_TYPE });
    await ctx.checkpoint({ results: file.key });
    return file;
  };
  return {
    all,
    async add(result) {
      all.set(result.url, result);
      if (saving !== undefined || performance.now() - savedAt < SAVE_EVERY_MS) return;
      saving = save().finally(() => {
        savedAt = performance.now();
        saving = undefined;
      });
      await saving;
    },
    async save() {
      await saving;
      return save();
    },
  };
}

async function readEarlier(ctx: JobContext): Promise<Map<string, UrlResult>> {
  const key = (ctx.lastCheckpoint as { results?: unknown } | undefined)?.results;
  if (typeof key !== 'string') return new Map();
  try {
    const { stream } = await ctx.files.open(key);
    const done = new Map<string, UrlResult>();
    for await (const line of readLines(stream)) {
      const result = urlResultSchema.parse(JSON.parse(line));
      if (isDone(result)) done.set(result.url, result);
    }
    return done;
  } catch (error) {
    ctx.signal.throwIfAborted();
    ctx.log.warn('the results of the last attempt cannot be read, so it begins anew', { error: String(error) });
    return new Map();
  }
}

// Not node:readline, which does not pass on the faults of its stream.
async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const part of stream) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function isDone({ error, skipped }: UrlResult): boolean {
  return error === undefined && skipped === undefined;
}

async function* formatLines(results: readonly UrlResult[]): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < results.length; start += LINES_AT_ONCE) {
    const lines = results.slice(start, start + LINES_AT_ONCE).map((result) => `${JSON.stringify(result)}\n`);
    yield Buffer.from(lines.join(''));
  }
}
