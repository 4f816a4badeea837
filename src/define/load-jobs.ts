import { readdir } from 'node:fs/promises';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import { isJobDefinition, type JobDefinition } from './job.ts';
import type { Services } from './services.ts';

export interface LoadedJobs {
  definitions: JobDefinition[];
  /** From `services.ts` in the folder: an object, or a function that makes one at start. */
  services: Partial<Services>;
}

const JOB_FILE = /\.(ts|mts|js|mjs)$/;
/** Handlers of isolated jobs have modules of their own, which only their threads and processes load. */
const NOT_A_JOB_FILE = /(\.d\.m?ts|\.(test|spec|handler)\.[a-z]+)$/;
const SERVICES_FILE = /^services\.[a-z]+$/;

/**
 * Loads every job that the `.ts` and `.js` files of a folder export, subfolders included, in the order of their names.
 * @param isOptional whether a missing folder means "no jobs" rather than a fault
 * @throws INVALID_DEFINITION with the path and cause of the first broken file
 */
export async function loadJobs(folder: string, isOptional: boolean): Promise<LoadedJobs> {
  const files = await listJobFiles(folder, isOptional);
  if (files.length === 0) return { definitions: [], services: {} };
  resolveOwnPackage();
  const loaded: LoadedJobs = { definitions: [], services: {} };
  for (const file of files) {
    const path = join(folder, file);
    const exports = await importFile(path);
    if (SERVICES_FILE.test(file)) {
      loaded.services = await makeServices(path, exports.services);
      continue;
    }
    loaded.definitions.push(...new Set(Object.values(exports).filter(isJobDefinition)));
  }
  return loaded;
}

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

async function listJobFiles(folder: string, isOptional: boolean): Promise<string[]> {
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

async function importFile(path: string): Promise<Record<string, unknown>> {
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

async function makeServices(path: string, services: unknown): Promise<Partial<Services>> {
  try {
    const made: unknown = typeof services === 'function' ? await services() : services;
    if (typeof made === 'object' && made !== null) return made;
  } catch (error) {
    throw new AppError('INVALID_DEFINITION', `${path}: services failed: ${messageOf(error)}`, { cause: error });
  }
  throw new AppError('INVALID_DEFINITION', `${path} must export "services", an object or a function that returns one`);
}

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
