import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { NonRetryableError } from '../define/errors.ts';
import type { CreateFileOptions, JobFiles } from '../define/files.ts';
import {
  FILE_NAME_RULE,
  FILES_PATH,
  isContentType,
  isFileName,
  parseFileKey,
  toFileKey,
  toKey,
} from '../shared/file-keys.ts';
import type { FileAddress, FileStorage } from './storage.ts';

/** What is said to the record of a file that is about to appear. */
export interface FileRecord {
  name: string;
  bytes: number;
  contentType: string | null;
  /** Null: the file goes with its job. */
  expiresInMs: number | null;
}

export interface JobFilesOptions {
  /** What URLs begin with; undefined: they are relative. */
  publicUrl: string | undefined;
  job: { id: string; tenant: string };
  /** The fence of the run: a newer run has a larger one. */
  run: number;
  signal: AbortSignal;
  /** Keeps when a file expires, in place of what was said of its name before. Throws for a run that is not the newest. */
  record(file: FileRecord): Promise<void>;
}

/** The files of one run. */
export interface RunFiles extends JobFiles {
  /** Removes copies of files that lie elsewhere. Call it when the handler uses none of them any more. */
  close(): Promise<void>;
}

const MIN_EXPIRY_MS = 1000;
const MAX_EXPIRY_MS = 10 * 366 * 86_400_000;

/** The files of one run of a job. In a thread or child process, too: `storage.settings` opens the same there. */
export function createJobFiles(storage: FileStorage, options: JobFilesOptions): RunFiles {
  const { publicUrl = '', job, run, signal, record } = options;
  const copies = createCopies(storage, signal);
  const toAddress = (keyOrUrl: string): FileAddress => {
    const found = parseFileKey(toKey(keyOrUrl));
    if (found) return { tenant: job.tenant, id: found.id, name: found.name };
    throw new NonRetryableError(`"${keyOrUrl}" is neither the key nor the URL of a file`);
  };
  return {
    isLocal: storage.settings.kind === 'local',

    async create(name, content, { contentType, expiresInMs } = {}) {
      signal.throwIfAborted();
      checkOptions(name, { contentType, expiresInMs });
      const onWhole = (bytes: number) =>
        record({ name, bytes, contentType: contentType ?? null, expiresInMs: expiresInMs ?? null });
      const address = { tenant: job.tenant, id: job.id, name };
      const bytes = await storage.put(address, content, { contentType, signal, run, onWhole });
      const key = toFileKey({ id: job.id, name });
      return { key, url: `${publicUrl}${FILES_PATH}${key}`, bytes };
    },

    async locate(keyOrUrl) {
      signal.throwIfAborted();
      const address = toAddress(keyOrUrl);
      return (await storage.findPath(address)) ?? (await copies.find(address)) ?? refuse(address, storage);
    },

    async open(keyOrUrl) {
      signal.throwIfAborted();
      const address = toAddress(keyOrUrl);
      const found = (await storage.open(address, { signal })) ?? refuse(address, storage);
      found.stream.on('error', () => undefined); // who reads it hears of it; one that nobody reads must harm nobody
      return { stream: found.stream, bytes: found.bytes, contentType: found.contentType };
    },

    close: () => copies.remove(),
  };
}

/** Copies of files on this machine, each made once. */
function createCopies(storage: FileStorage, signal: AbortSignal) {
  const made = new Map<string, Promise<string | undefined>>();
  let making: Promise<string> | undefined;
  const copy = async (address: FileAddress): Promise<string | undefined> => {
    const found = await storage.open(address, { signal });
    if (!found) return undefined;
    making ??= mkdtemp(join(tmpdir(), 'longshore-run-'));
    const path = join(await making, `${address.id}-${address.name}`);
    await pipeline(found.stream, createWriteStream(path), { signal });
    return path;
  };
  return {
    async find(address: FileAddress): Promise<string | undefined> {
      if (storage.settings.kind === 'local') return undefined;
      const key = `${address.id}-${address.name}`;
      const copying = made.get(key) ?? copy(address);
      made.set(key, copying);
      return copying;
    },
    async remove(): Promise<void> {
      await Promise.allSettled(made.values());
      if (making) await rm(await making, { recursive: true, force: true });
    },
  };
}

function checkOptions(name: string, { contentType, expiresInMs }: CreateFileOptions): void {
  if (!isFileName(name)) {
    throw new NonRetryableError(`${JSON.stringify(name)} cannot be the name of a file; allowed: ${FILE_NAME_RULE}`);
  }
  if (contentType !== undefined && !isContentType(contentType)) {
    throw new NonRetryableError(`${JSON.stringify(contentType)} is no content type such as text/csv`);
  }
  if (expiresInMs === undefined) return;
  if (Number.isInteger(expiresInMs) && expiresInMs >= MIN_EXPIRY_MS && expiresInMs <= MAX_EXPIRY_MS) return;
  throw new NonRetryableError(
    `expiresInMs is ${expiresInMs}; a whole number from ${MIN_EXPIRY_MS} to ${MAX_EXPIRY_MS} (10 years) is allowed`,
  );
}

function refuse({ id, name }: FileAddress, { settings }: FileStorage): never {
  const elsewhere = settings.kind === 'local' ? ', or was made by a worker with another STORAGE_DIR' : '';
  throw new NonRetryableError(
    `there is no file ${toFileKey({ id, name })} here: it was removed with its job, has expired, ` +
      `belongs to another tenant${elsewhere}`,
  );
}
