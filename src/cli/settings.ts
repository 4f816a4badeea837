import { UsageError } from './exit-codes.ts';
import type { Environment } from './terminal.ts';

/** The flags that every command takes, as commander hands them over. */
export interface GlobalFlags {
  url?: string;
  key?: string;
  json?: boolean;
}

export interface Settings {
  url: string;
  key: string | undefined;
  isJson: boolean;
}

export const DEFAULT_URL = 'http://127.0.0.1:3001';

/**
 * Flags go before the environment; an empty variable counts as unset.
 * @throws UsageError for an address that is not an http or https URL
 */
export function resolveSettings(flags: GlobalFlags, environment: Environment): Settings {
  const [origin, url] = flags.url
    ? ['--url', flags.url]
    : environment.LONGSHORE_URL
      ? ['LONGSHORE_URL', environment.LONGSHORE_URL]
      : ['the default', DEFAULT_URL];
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new UsageError(`${origin} is ${JSON.stringify(url)}, which is not an http or https URL, e.g. ${DEFAULT_URL}`);
  }
  return {
    url,
    key: flags.key || environment.LONGSHORE_KEY || environment.ADMIN_KEY || undefined,
    isJson: flags.json === true,
  };
}
