import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import type { Services } from './services.ts';

const JOB_FILE = /\.(ts|mts|js|mjs)$/;
/** Handlers of isolated jobs have modules of their own, which only their threads and processes load. */
const NOT_A_JOB_FILE = /(\.d\.m?ts|\.(test|spec|handler)\.[a-z]+)$/;
export const SERVICES_FILE = /^services\.[a-z]+$/;

/**
 * Makes what `services.ts` in the folder exports, and loads nothing else of it.
 * @throws INVALID_DEFINITION when it cannot be loaded
 */
export async function loadServices(folder: string): Promise<Partial<Services>> {
  const file = (await listJobFiles(folder, true)).find((name) => SERVICES_FILE.test(name));
  if (file === undefined) return {};
  const path = join(folder, file);
  return makeServices(path, (await importFile(path)).services);
}

/** The `.ts` and `.js` files of the folder that may hold jobs, and `services.ts`, in the order of their names. */
export async function listJobFiles(folder: string, isOptional: boolean): Promise<string[]> {
  try {
    const names = await readdir(folder, { recursive: true });
    return names
      .filter((name) => JOB_FILE.test(name) && !NOT_A_JOB_FILE.test(name) && !name.includes('node_modules'))
      .sort();
  } catch (error) {
    if (isOptional && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new AppError('INVALID_DEFINITION', `JOBS_DIR ${folder} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** @throws INVALID_DEFINITION with the path, the line and the cause */
export async function importFile(path: string): Promise<Record<string, unknown>> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    const place = `${path}${findLine(error, path)}`;
    throw new AppError('INVALID_DEFINITION', `job file ${place} cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

// The stack names the line of a fault in TypeScript's syntax, and of what was thrown while the file ran.
function findLine(error: unknown, path: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = stack.indexOf(`${path}:`);
  return at < 0 ? '' : (/^:\d+/.exec(stack.slice(at + path.length))?.[0] ?? '');
}

/** @throws INVALID_DEFINITION */
export async function makeServices(path: string, services: unknown): Promise<Partial<Services>> {
  try {
    const made: unknown = typeof services === 'function' ? await services() : services;
    if (typeof made === 'object' && made !== null) return made;
  } catch (error) {
    throw new AppError('INVALID_DEFINITION', `${path}: services failed: ${messageOf(error)}`, { cause: error });
  }
  throw new AppError('INVALID_DEFINITION', `${path} must export "services", an object or a function that returns one`);
}
