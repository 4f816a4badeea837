import { createLocalStorage } from './local-storage.ts';
import { createS3Storage } from './s3-storage.ts';
import type { FileStorage } from './storage.ts';
import type { StorageSettings } from './storage-settings.ts';

/** Opens where files lie. Connects, and loads what is needed for it, with the first use only. */
export function openStorage(settings: StorageSettings): FileStorage {
  return settings.kind === 'local' ? createLocalStorage(settings) : createS3Storage(settings);
}
