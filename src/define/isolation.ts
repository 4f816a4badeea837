import { AppError } from '../shared/errors.ts';
import { findModule } from '../shared/find-module.ts';
import type { JobContext } from './context.ts';

export const isolations = ['none', 'thread', 'process'] as const;

/** Where a handler runs: beside the others, in a thread, or in a child process. */
export type Isolation = (typeof isolations)[number];

/** @returns what is wrong about where a handler shall run, or undefined */
export function findIsolationFault(isolation: Isolation, handlerFile: URL | undefined): string | undefined {
  if (!isolations.includes(isolation)) {
    return `isolation is ${JSON.stringify(isolation)}; allowed: ${isolations.join(', ')}`;
  }
  if (isolation === 'none' || handlerFile?.protocol === 'file:') return undefined;
  return `isolation "${isolation}" needs handlerFile: new URL('./handler.ts', import.meta.url)`;
}

/**
 * Finds the module of a handler: the one that is named or, where jobs were compiled, its `.js` in place of `.ts`.
 * @returns its URL
 * @throws INVALID_DEFINITION when there is none
 */
export function locateHandler(handlerFile: string): string {
  const found = findModule(handlerFile);
  if (found === undefined) throw new AppError('INVALID_DEFINITION', `handlerFile ${handlerFile} does not exist`);
  return found;
}

/**
 * Loads the handler that a module exports as `run`.
 * @param handlerFile the URL of the module
 * @throws INVALID_DEFINITION when there is no such module, or it exports none
 */
export async function loadHandler(handlerFile: string): Promise<(input: unknown, ctx: JobContext) => Promise<unknown>> {
  const { run } = (await import(locateHandler(handlerFile))) as { run?: unknown };
  if (typeof run === 'function') return async (input, ctx) => run(input, ctx) as unknown;
  throw new AppError('INVALID_DEFINITION', `${handlerFile} must export a function "run"`);
}
