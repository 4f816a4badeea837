import { mkdir, opendir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { contentTypeOf, pathOfFile, pathOfOwner } from './addresses.ts';
import { folderOfAllJobs, ignoreMissing, isFile } from './job-folders.ts';
import { openForReading, replaceFile } from './replace-file.ts';
import type { FileFacts, FileOwner, FileStorage, ListedOwner } from './storage.ts';
import type { LocalStorageSettings } from './storage-settings.ts';

/** Holds the type of a file that differs from what its name says. */
const TYPE_PREFIX = '.type.';
const MARK = '.used-by-';
/** Of runs that go on; one that is forgotten cleans its folder again. */
const REMEMBERED_RUNS = 1000;

/** Files in a folder that all processes share. */
export function createLocalStorage(settings: LocalStorageSettings): FileStorage {
  const root = folderOfAllJobs(settings.dir);
  const folderOf = (owner: FileOwner) => join(root, pathOfOwner(owner));
  const removeLeftoversOnce = createCleaner();
  return {
    settings,

    async put(address, content, { contentType, signal, run = 0, onWhole }) {
      const [path, folder] = [join(root, pathOfFile(address)), folderOf(address)];
      await mkdir(folder, { recursive: true });
      await removeLeftoversOnce(folder, run);
      const type = contentType === contentTypeOf(address.name) ? undefined : contentType;
      return replaceFile(path, content, {
        prefix: `.${run}.`,
        signal,
        async onWhole(bytes) {
          await onWhole?.(bytes);
          await keepType(join(folder, TYPE_PREFIX + address.name), type);
        },
      });
    },

    async open(address, { range, signal } = {}) {
      const path = join(root, pathOfFile(address));
      const handle = await openForReading(path);
      if (!handle) return undefined;
      try {
        const facts = toFacts(await handle.stat(), await findType(folderOf(address), address.name));
        const stream = handle.createReadStream(range);
        return { ...facts, stream: signal ? addAbortSignal(signal, stream) : stream };
      } catch (error) {
        await handle.close();
        throw error;
      }
    },

    async stat(address) {
      const path = join(root, pathOfFile(address));
      if (!(await isFile(path))) return undefined;
      const stats = await stat(path).catch(ignoreMissing);
      return stats && toFacts(stats, await findType(folderOf(address), address.name));
    },

    async findPath(address) {
      const path = join(root, pathOfFile(address));
      return (await isFile(path)) ? path : undefined;
    },

    async remove(address) {
      await rm(join(root, pathOfFile(address)), { force: true });
      await rm(join(folderOf(address), TYPE_PREFIX + address.name), { force: true });
      await removeEmptyFolder(folderOf(address));
    },

    removeAll: (owner) => rm(folderOf(owner), { recursive: true, force: true }),

    list: () => listOwners(root),

    async mark(installation) {
      const names = (await readdir(root).catch(ignoreMissing)) ?? [];
      const own = MARK + installation;
      if (names.length > 0 && !names.includes(own)) await writeFile(join(root, own), '');
      return names.filter((name) => name.startsWith(MARK) && name !== own).map((name) => join(root, name));
    },

    close: () => undefined,
  };
}

async function keepType(path: string, type: string | undefined): Promise<void> {
  if (type === undefined) await rm(path, { force: true });
  else await writeFile(path, type);
}

async function findType(folder: string, name: string): Promise<string> {
  const kept = await readFile(join(folder, TYPE_PREFIX + name), 'utf8').catch(ignoreMissing);
  return kept ?? contentTypeOf(name);
}

// As Express makes it of a file.
function toFacts(stats: { size: number; mtime: Date; mtimeMs: number }, contentType: string): FileFacts {
  const etag = `W/"${stats.size.toString(16)}-${Math.trunc(stats.mtimeMs).toString(16)}"`;
  return { bytes: stats.size, contentType, etag, lastModified: stats.mtime };
}

/** Cleans the folder of a run once, and not before each of its files. */
function createCleaner(): (folder: string, run: number) => Promise<void> {
  const cleaned = new Map<string, Promise<void>>();
  return (folder, run) => {
    const key = `${run} ${folder}`;
    const cleaning = cleaned.get(key) ?? removeLeftovers(folder, run);
    cleaned.set(key, cleaning);
    const [oldest] = cleaned.keys();
    if (cleaned.size > REMEMBERED_RUNS && oldest !== undefined) cleaned.delete(oldest);
    return cleaning;
  };
}

// Of killed runs; a newer run than this one may be writing beside it.
async function removeLeftovers(folder: string, run: number): Promise<void> {
  const leftovers = (await readdir(folder)).filter((name) => {
    const writer = /^\.(\d+)\./.exec(name)?.[1];
    return writer !== undefined && Number(writer) < run;
  });
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

// Somebody may make a file in it at the same time: the system then refuses, where looking first would come too early.
async function removeEmptyFolder(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function* listOwners(root: string): AsyncGenerator<ListedOwner> {
  const tenants = (await readdir(root).catch(ignoreMissing)) ?? [];
  for (const tenant of tenants.filter((name) => !name.startsWith('.'))) {
    for await (const { name: id } of await opendir(join(root, tenant))) {
      yield { tenant, id, findLastChange: () => findLastChange(join(root, tenant, id)) };
    }
  }
}

// Also of what is still being written: that changes the file and not its folder.
async function findLastChange(folder: string): Promise<Date | undefined> {
  const names = await readdir(folder).catch(ignoreMissing);
  if (!names) return undefined;
  const paths = [folder, ...names.map((name) => join(folder, name))];
  const found = await Promise.all(paths.map((path) => stat(path).catch(ignoreMissing)));
  return new Date(Math.max(...found.map((stats) => stats?.mtimeMs ?? 0)));
}
