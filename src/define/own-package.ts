import { registerHooks } from 'node:module';

let isResolving = false;

/** A job file says `import … from 'longshore'` wherever it lies; it must get this very program, not a second copy. */
export function resolveOwnPackage(): void {
  if (isResolving) return;
  isResolving = true;
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const own = new Map([
    ['longshore', new URL(`../index.${extension}`, import.meta.url).href],
    ['longshore/testing', new URL(`../testing.${extension}`, import.meta.url).href],
  ]);
  registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const url = own.get(specifier);
      return url ? { url, shortCircuit: true } : nextResolve(specifier, context);
    },
  });
}
