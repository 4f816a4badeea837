import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UsageError } from './exit-codes.ts';
import type { Environment } from './terminal.ts';

const profileSchema = z.object({ url: z.string(), key: z.string().optional() });
const fileSchema = z.object({
  /** The profile that commands use where nothing else is said. */
  current: z.string().optional(),
  profiles: z.record(z.string(), profileSchema).default({}),
});

export type Profile = z.output<typeof profileSchema>;
export type Profiles = z.output<typeof fileSchema>;

/** Where profiles lie: https://specifications.freedesktop.org/basedir. @returns undefined for somebody without a home */
export function locateProfiles({ XDG_CONFIG_HOME, HOME, USERPROFILE }: Environment): string | undefined {
  const home = HOME || USERPROFILE;
  const folder = XDG_CONFIG_HOME || (home ? join(home, '.config') : undefined);
  return folder && join(folder, 'longshore', 'config.json');
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
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path); // nobody sees half a file
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
