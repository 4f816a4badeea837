import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from './exit-codes.ts';

/** Replaces a file that only its owner may read: whoever reads it finds the old one or the new one, whole. */
export function writeAtomically(path: string, content: string): void {
  const partial = `${path}.${randomUUID()}.partial`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(partial, content, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(partial, path);
  } catch (cause) {
    rmSync(partial, { force: true });
    throw new UsageError(`${path} cannot be written: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
}
