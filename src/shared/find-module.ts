import { statSync } from 'node:fs';

/**
 * Finds a module that code names with `new URL('./x.ts', import.meta.url)`. A build leaves such a name as it is, so where
 * there is only `x.js`, that is meant.
 * @returns its URL, or undefined when there is neither
 */
export function findModule(url: string | URL): string | undefined {
  const named = String(url);
  const candidates = [named, named.replace(/\.(m?)ts$/, '.$1js')];
  return candidates.find((candidate) => statSync(new URL(candidate), { throwIfNoEntry: false })?.isFile());
}
