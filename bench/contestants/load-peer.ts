import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * Loads a package of bench/package.json. By a name that the compiler cannot see, and typed by the caller with what it uses:
 * so the repository is checked without installing what it is measured against.
 */
export function loadPeer<Module>(name: string): Module {
  return require(name) as Module;
}
