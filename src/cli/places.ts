import { isAbsolute, join } from 'node:path';
import type { Environment } from './terminal.ts';

const NAME = 'longshore';

/**
 * Where a person's settings of the command are (XDG Base Directory Specification).
 * @returns undefined where nothing says who the person is
 */
export function findConfigFolder(environment: Environment): string | undefined {
  return findFolder(environment, environment.XDG_CONFIG_HOME, ['.config']);
}

/** Where the command remembers what it has done; may be lost without harm. */
export function findStateFolder(environment: Environment): string | undefined {
  return findFolder(environment, environment.XDG_STATE_HOME, ['.local', 'state']);
}

function findFolder(environment: Environment, given: string | undefined, inHome: string[]): string | undefined {
  if (given && isAbsolute(given)) return join(given, NAME); // the specification has relative ones ignored
  const home = environment.HOME || environment.USERPROFILE;
  return home ? join(home, ...inHome, NAME) : undefined;
}
