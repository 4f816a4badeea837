import { join } from 'node:path';
import { type ConnectorDefinition, isConnectorDefinition } from './connector.ts';
import { isJobDefinition, type JobDefinition } from './job.ts';
import { importFile, listJobFiles, makeServices, SERVICES_FILE } from './jobs-folder.ts';
import { resolveOwnPackage } from './own-package.ts';
import { isQueryDefinition, type QueryDefinition } from './query.ts';
import type { Services } from './services.ts';

/** What the files of a folder define. */
export interface LoadedDefinitions {
  definitions: JobDefinition[];
  queries: QueryDefinition[];
  connectors: ConnectorDefinition[];
}

export interface LoadedJobs extends LoadedDefinitions {
  /** From `services.ts` in the folder: an object, or a function that makes one at start. */
  services: Partial<Services>;
}

/**
 * Loads every job, query and connector that the `.ts` and `.js` files of a folder export, subfolders included, in the
 * order of their names, and `services.ts`.
 * @param isOptional whether a missing folder means "no jobs" rather than a fault
 * @throws INVALID_DEFINITION with the path and cause of the first broken file
 */
export async function loadJobs(folder: string, isOptional: boolean): Promise<LoadedJobs> {
  const files = await listJobFiles(folder, isOptional);
  const loaded: LoadedJobs = { definitions: [], queries: [], connectors: [], services: {} };
  if (files.length > 0) resolveOwnPackage();
  for (const file of files) {
    const path = join(folder, file);
    const exports = await importFile(path);
    if (SERVICES_FILE.test(file)) loaded.services = await makeServices(path, exports.services);
    else collect(loaded, exports);
  }
  return loaded;
}

/**
 * The same without `services.ts`, for a process that has its services already.
 * @throws INVALID_DEFINITION
 */
export async function loadDefinitions(folder: string): Promise<LoadedDefinitions> {
  const files = await listJobFiles(folder, true);
  const loaded: LoadedDefinitions = { definitions: [], queries: [], connectors: [] };
  if (files.length > 0) resolveOwnPackage();
  for (const file of files) {
    if (!SERVICES_FILE.test(file)) collect(loaded, await importFile(join(folder, file)));
  }
  return loaded;
}

function collect(loaded: LoadedDefinitions, exports: Record<string, unknown>): void {
  const exported = [...new Set(Object.values(exports))];
  loaded.definitions.push(...exported.filter(isJobDefinition));
  loaded.queries.push(...exported.filter(isQueryDefinition));
  loaded.connectors.push(...exported.filter(isConnectorDefinition));
}
