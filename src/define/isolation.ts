import { AppError } from '../shared/errors.ts';
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
 * Loads the handler that a module exports as `run`.
 * @param handlerFile the URL of the module
 * @throws INVALID_DEFINITION when it exports none
 */
export async function loadHandler(handlerFile: string): Promise<(input: unknown, ctx: JobContext) => Promise<unknown>> {
  const { run } = (await import(handlerFile)) as { run?: unknown };
  if (typeof run === 'function') return async (input, ctx) => run(input, ctx) as unknown;
  throw new AppError('INVALID_DEFINITION', `${handlerFile} must export a function "run"`);
}
