import { spawn } from 'node:child_process';
import { chown, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../shared/errors.ts';
import type { Binaries } from './binaries.ts';

const PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin';

export interface Finished {
  code: number | null;
  /** What the program wrote, standard output and error together. */
  output: string;
}

/** Runs PostgreSQL's programs as a user that PostgreSQL accepts. */
export interface Runner {
  run(program: string, args: string[]): Promise<Finished>;
  /** Gives a file or folder to that user. */
  own(path: string): Promise<void>;
}

interface User {
  uid: number;
  gid: number;
}

/**
 * PostgreSQL refuses to run as root: root runs it as the owner of its data, or as the system user `postgres`,
 * which is created when missing.
 * @param folder holds the data; it exists
 * @throws INVALID_CONFIGURATION when that user cannot reach the folder or the programs
 */
export async function createRunner(folder: string, binaries: Binaries): Promise<Runner> {
  if (process.getuid?.() !== 0) return { run: execute, own: async () => {} };
  const owner = await findOwner(join(folder, 'data'));
  const user = owner && owner.uid !== 0 ? owner : ((await findPostgresUser()) ?? (await createPostgresUser()));
  const own = (path: string) => chown(path, user.uid, user.gid);
  await own(folder);
  if (owner?.uid === 0) await execute('chown', ['-R', `${user.uid}:${user.gid}`, folder]); // a copy made by root

  const asUser: Runner = { own, run: (program, args) => execute(program, args, user) };
  if ((await probe(asUser, folder, binaries)).code === 0) return asUser;
  const asUserPassingFolders: Runner = { own, run: (program, args) => executePassingFolders(program, args, user) };
  const { code, output } = await probe(asUserPassingFolders, folder, binaries);
  if (code === 0) return asUserPassingFolders;
  throw new AppError(
    'INVALID_CONFIGURATION',
    `PostgreSQL does not run as root, and the user it runs as (uid ${user.uid}) cannot enter ${folder} or the folder of ` +
      `${binaries.postgres}. Move the project to a folder that other users may enter (chmod a+x), run as another user ` +
      `than root, or set DATABASE_URL.\n${output.trim()}`,
  );
}

// `--show` makes the programs look for each other, as a start does, and changes nothing.
function probe(runner: Runner, folder: string, { initdb }: Binaries): Promise<Finished> {
  const script = 'cd "$1" && test -w . && "$2" --show --pgdata="$1/data"';
  const failed = (error: Error): Finished => ({ code: null, output: error.message });
  return runner.run('/bin/sh', ['-c', script, 'sh', folder, initdb]).catch(failed);
}

// A project below a folder of mode 0700, as `mktemp -d` or /root: the ambient capability lets the user pass it, and the
// secure bit lets access(2) see that, by which PostgreSQL's programs find each other.
function executePassingFolders(program: string, args: string[], { uid, gid }: User): Promise<Finished> {
  const user = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const capability = ['--securebits=+no_setuid_fixup', '--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return execute('setpriv', [...user, ...capability, program, ...args]);
}

async function findOwner(path: string): Promise<User | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  return found && { uid: found.uid, gid: found.gid };
}

async function findPostgresUser(): Promise<User | undefined> {
  const [uid, gid] = await Promise.all([execute('id', ['-u', 'postgres']), execute('id', ['-g', 'postgres'])]);
  return uid.code === 0 && gid.code === 0 ? { uid: Number(uid.output), gid: Number(gid.output) } : undefined;
}

async function createPostgresUser(): Promise<User> {
  const options = ['--system', '--gid', 'postgres', '--no-create-home', '--shell', '/usr/sbin/nologin'];
  try {
    await execute('groupadd', ['--system', '--force', 'postgres']);
    const { output } = await execute('useradd', [...options, 'postgres']);
    const user = await findPostgresUser(); // also when another process was quicker
    if (user) return user;
    throw new Error(output.trim());
  } catch (cause) {
    throw new AppError(
      'INVALID_CONFIGURATION',
      'PostgreSQL does not run as root, and the system user `postgres` is missing and could not be created. ' +
        'Create it, run as another user than root, or set DATABASE_URL.',
      { cause },
    );
  }
}

/** Resolves when the program has ended, whatever its exit code; rejects when it could not be started. */
function execute(program: string, args: string[], user?: User): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...user,
      cwd: '/',
      // A session of its own, so that Ctrl-C in a terminal does not reach the database while jobs finish.
      detached: process.platform !== 'win32',
      // Not the whole environment: neither PGDATA and the like nor secrets are for it. Windows programs need theirs.
      env: process.platform === 'win32' ? undefined : { PATH, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
