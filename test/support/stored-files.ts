import { globSync } from 'node:fs';
import { join } from 'node:path';
import type { S3Server } from './s3-server.ts';

/** The keys of all files that lie in a storage, half-written ones too, but for the notes of their types. @param storage STORAGE_DIR, or a bucket */
export async function listStored(storage: string | Pick<S3Server, 'list'>): Promise<string[]> {
  const paths =
    typeof storage === 'string' ? globSync('*/*/{*,.*}', { cwd: join(storage, '.jobs') }) : await storage.list();
  const files = paths.filter((path) => !path.includes('/.type.'));
  return files.map((path) => path.split('/').slice(1).join('-')).sort();
}
