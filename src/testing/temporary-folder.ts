import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PREFIX = 'longshore-files-';
const FORGOTTEN_MS = 86_400_000;

/**
 * Makes a folder that goes when the process ends. Test runners kill their processes: those that are a day old go, too.
 * @returns its path
 */
export function makeTemporaryFolder(parent: string): string {
  for (const name of readdirSync(parent)) if (name.startsWith(PREFIX)) removeIfForgotten(join(parent, name));
  const folder = mkdtempSync(join(parent, PREFIX));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function removeIfForgotten(path: string): void {
  try {
    if (Date.now() - statSync(path).mtimeMs > FORGOTTEN_MS) rmSync(path, { recursive: true, force: true });
  } catch {
    // It is somebody else's, or another process is removing it.
  }
}
