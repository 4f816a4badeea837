import { readFile } from 'node:fs/promises';
import type { JobContext } from '../../define/context.ts';
import type { StoredFile } from '../../define/files.ts';
import { type UrlResult, urlResultSchema } from './warm-schema.ts';

const FILE = 'results.jsonl';
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
    const file = await ctx.files.create(FILE, formatLines(all.values()));
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
    const lines = (await readFile(await ctx.files.locate(key), 'utf8')).trimEnd().split('\n');
    const results = lines.map((line) => urlResultSchema.parse(JSON.parse(line)));
    return new Map(results.filter(isDone).map((result) => [result.url, result]));
  } catch (error) {
    ctx.log.warn('the results of the last attempt cannot be read, so it begins anew', { error: String(error) });
    return new Map();
  }
}

function isDone({ error, skipped }: UrlResult): boolean {
  return error === undefined && skipped === undefined;
}

function formatLines(results: Iterable<UrlResult>): string {
  return Array.from(results, (result) => `${JSON.stringify(result)}\n`).join('');
}
