import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import type { Command } from 'commander';
import { parseFileKey, toKey } from '../shared/file-keys.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { formatBytes } from './format.ts';

export function registerFiles(program: Command, cli: CliContext): void {
  program
    .command('files')
    .description('fetch files that jobs have made')
    .command('get')
    .argument('<key>', "the file's key, or its URL")
    .description('fetch a file into the current folder')
    .option('-o, --output <path>', 'where to; a file that is there is replaced (default: its name)')
    .action((key: string, flags: { output?: string }, command: Command) => fetchFile(cli, key, flags, command));
}

async function fetchFile(cli: CliContext, key: string, flags: { output?: string }, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const address = parseFileKey(toKey(key));
  if (!address) throw new UsageError(`${key} is neither the key nor the URL of a file`);
  const path = resolve(cli.cwd, flags.output ?? address.name);
  const bytes = await save(await client.files.get(key), path);
  if (isJson) return printJson(cli, { path, bytes });
  cli.terminal.print(`${path} ${cli.terminal.colors.dim(`(${formatBytes(bytes)})`)}`);
}

/** Shows a file under its name only when all of it has arrived. @returns its size */
async function save(response: Response, path: string): Promise<number> {
  const partial = `${path}.partial`;
  const file = createWriteStream(partial);
  try {
    // The types of the platform and of Node describe the same stream.
    await pipeline(Readable.fromWeb(response.body as ReadableStream), file);
    await rename(partial, path);
    return file.bytesWritten;
  } catch (error) {
    await rm(partial, { force: true });
    throw toUsageError(error, path);
  }
}

function toUsageError(error: unknown, path: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return syscall === undefined ? error : new UsageError(`${path} cannot be written: ${code}`, { cause: error });
}
