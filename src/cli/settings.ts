import { UsageError } from './exit-codes.ts';
import { type Profile, type Profiles, readProfiles } from './profile-store.ts';
import type { Environment } from './terminal.ts';

/** The flags that every command takes, as commander hands them over. */
export interface GlobalFlags {
  url?: string;
  key?: string;
  profile?: string;
  json?: boolean;
}

export interface Settings {
  url: string;
  key: string | undefined;
  isJson: boolean;
}

export const DEFAULT_URL = 'http://127.0.0.1:3001';

/**
 * Flags go before the environment, and that before the profile in use; an empty variable counts as unset. The key of a
 * profile goes to the server of that profile only.
 * @throws UsageError for an address that is not an http or https URL, and for an unknown profile
 */
export function resolveSettings(flags: GlobalFlags, environment: Environment): Settings {
  const profile = chooseProfile(flags, environment);
  const [origin, url] = flags.url
    ? ['--url', flags.url]
    : profile
      ? ['the url of the profile', profile.url]
      : environment.LONGSHORE_URL
        ? ['LONGSHORE_URL', environment.LONGSHORE_URL]
        : ['the default', DEFAULT_URL];
  checkUrl(origin, url);
  const given = profile ? profile.key : environment.LONGSHORE_KEY || environment.ADMIN_KEY;
  return { url, key: flags.key || given || undefined, isJson: flags.json === true };
}

/** @throws UsageError */
export function checkUrl(origin: string, url: string): void {
  if (/^https?:$/.test(URL.parse(url)?.protocol ?? '')) return;
  throw new UsageError(`${origin} is ${JSON.stringify(url)}, which is not an http or https URL, e.g. ${DEFAULT_URL}`);
}

/** The one that is named by a flag or a variable; else the one in use, unless a flag or variable names the server. */
function chooseProfile(flags: GlobalFlags, environment: Environment): Profile | undefined {
  if (flags.url) return undefined;
  if (flags.profile) return findProfile(flags.profile, readProfiles(environment));
  if (environment.LONGSHORE_URL) return undefined;
  const stored = readProfiles(environment);
  const name = environment.LONGSHORE_PROFILE || stored.current;
  if (!name) return undefined;
  const { key, ...profile } = findProfile(name, stored);
  const chosen = environment.LONGSHORE_KEY || key;
  return { ...profile, ...(chosen ? { key: chosen } : {}) };
}

function findProfile(name: string, { profiles }: Profiles): Profile {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (!profile) throw new UsageError(`there is no profile ${JSON.stringify(name)}; longshore profiles list shows them`);
  return profile;
}
