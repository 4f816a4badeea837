import type { Entry } from 'yauzl';
import { NonRetryableError } from '../define/errors.ts';

export interface ZipLimits {
  maxEntries: number;
  /** Of all files together. */
  maxBytes: number;
  maxRatio: number;
}

/** What becomes of it harms nobody, however small it was: text that repeats packs a thousandfold. */
const HARMLESS_BYTES = 10 * 1024 ** 2;
/** The directory is held in memory: each entry of it may have 190 KB of name, comment and extra fields. */
const MAX_DIRECTORY_BYTES = 4 * 1024 ** 2;
const KIND_OF_FILE = 0o170_000;
const REGULAR = 0o100_000;
const FOLDER = 0o040_000;

/** Checks the directory of an archive, an entry after the other, before anything is unpacked. Pure. */
export function createZipGuard(archiveBytes: number, { maxEntries, maxBytes, maxRatio }: ZipLimits) {
  let [entries, bytes, directoryBytes] = [0, 0, 0];
  return {
    /** @throws NonRetryableError for what must not be unpacked */
    check(entry: Entry): void {
      const name = JSON.stringify(entry.fileName);
      entries += 1;
      if (entries > maxEntries) throw refuse(`it holds more than ${maxEntries} entries (maxEntries)`);
      directoryBytes += entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
      if (directoryBytes > MAX_DIRECTORY_BYTES) throw refuse('its directory is larger than 4 MiB');
      if (entry.isEncrypted()) throw refuse(`${name} is encrypted`);
      if (!isFileOrFolder(entry)) throw refuse(`${name} is a link or a device, and no file`);
      if (!entry.canDecodeFileData()) throw refuse(`${name} is packed in a way that is not known here`);
      bytes += entry.uncompressedSize;
      if (bytes > maxBytes) throw refuse(`its files are larger than maxBytes allows (${maxBytes} bytes)`);
      if (bytes > HARMLESS_BYTES && bytes > archiveBytes * maxRatio) {
        throw refuse(`it becomes more than ${maxRatio} times as large as it is (maxRatio), as zip bombs do`);
      }
    },
  };
}

// The system that made the archive says what an entry is; others than Unix leave it out.
function isFileOrFolder({ externalFileAttributes }: Entry): boolean {
  const kind = (externalFileAttributes >>> 16) & KIND_OF_FILE;
  return kind === 0 || kind === REGULAR || kind === FOLDER;
}

export function refuse(why: string, cause?: unknown): NonRetryableError {
  return new NonRetryableError(`the archive is not unpacked: ${why}`, { cause });
}
