import { join } from 'node:path';
import { isJobDefinition, type JobDefinition } from './job.ts';
import { importFile, listJobFiles, makeServices, SERVICES_FILE } from './jobs-folder.ts';
import { resolveOwnPackage } from './own-package.ts';
import type { Services } from './services.ts';

export interface LoadedJobs {
  definitions: JobDefinition[];
  /** From `services.ts` in the folder: an object, or a function that makes one at start. */
  services: Partial<Services>;
}

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
