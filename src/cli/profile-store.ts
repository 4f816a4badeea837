import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from './exit-codes.ts';
import { findConfigFolder } from './places.ts';
import type { Environment } from './terminal.ts';
import { writeAtomically } from './write-atomically.ts';

const profileSchema = z.object({ url: z.string(), key: z.string().optional() });
const fileSchema = z.object({
  /** The profile that commands use where nothing else is said. */
  current: z.string().optional(),
  profiles: z.record(z.string(), profileSchema).default({}),
});

export type Profile = z.output<typeof profileSchema>;
export type Profiles = z.output<typeof fileSchema>;

/** @returns undefined for somebody without a home */
export function locateProfiles(environment: Environment): string | undefined {
  const folder = findConfigFolder(environment);
  return folder === undefined ? undefined : join(folder, 'config.json');
}

/** @returns what to tell where others on this machine may read the keys; on Windows modes say nothing */
export function warnOfReaders(environment: Environment, platform: NodeJS.Platform): string | undefined {
  const path = locateProfiles(environment);
  if (path === undefined || platform === 'win32') return undefined;
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  return (mode & 0o077) === 0
    ? undefined
    : `warning: others may read the keys in ${path}; stop that with: chmod 600 ${path}`;
}

/** @throws UsageError for a file that is none of ours */
export function readProfiles(environment: Environment): Profiles {
  const path = locateProfiles(environment);
  const text = path === undefined ? undefined : readIfThere(path);
  if (text === undefined) return { profiles: {} };
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch {
    throw new UsageError(`${path} is not a file of profiles; correct it or remove it`);
  }
}

/** Keys are secrets: only their owner may read the file, from its first byte on. */
export function writeProfiles(environment: Environment, profiles: Profiles): void {
  const path = locateProfiles(environment);
  if (path === undefined) throw new UsageError('set XDG_CONFIG_HOME or HOME: profiles are kept there');
  writeAtomically(path, `${JSON.stringify(profiles, null, 2)}\n`);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
