import { open } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { parseFileKey, toKey } from '../shared/file-keys.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { readInteger } from './flags.ts';
import { formatBytes } from './format.ts';
import { saveFile } from './save-file.ts';

export function registerFiles(program: Command, cli: CliContext): void {
  const files = program.command('files').description('fetch files that jobs have made, and upload files for them');
  files
    .command('get')
    .argument('<key>', "the file's key, or its URL")
    .description('fetch a file into the current folder')
    .option('-o, --output <path>', 'where to; a file that is there is replaced (default: its name)')
    .action((key: string, flags: { output?: string }, command: Command) => fetchFile(cli, key, flags, command));
  files
    .command('put')
    .argument('<path>', 'the file')
    .description('upload a file, and print the key that names it in inputs of jobs')
    .option('--name <name>', 'what it is called there (default: its own name)')
    .option('--content-type <type>', 'e.g. text/csv (default: by the ending of the name)')
    .option('--expires-in-ms <ms>', 'when it is removed (default: RETENTION_UPLOAD_DAYS of the server)', readInteger)
    .option('--tenant <tenant>', 'whose it is')
    .option('--idempotency-key <key>', 'the same key uploads the same file once')
    .action((path: string, flags: PutFlags, command: Command) => putFile(cli, path, flags, command));
}

interface PutFlags {
  name?: string;
  contentType?: string;
  expiresInMs?: number;
  tenant?: string;
  idempotencyKey?: string;
}

async function putFile(cli: CliContext, path: string, flags: PutFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const absolute = resolve(cli.cwd, path);
  const handle = await open(absolute).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} cannot be read: ${cause.code}`, { cause });
  });
  try {
    if (!(await handle.stat()).isFile()) throw new UsageError(`${path} is not a file`);
    const content = handle.createReadStream({ autoClose: false });
    const file = await client.files.upload(content, { ...flags, name: flags.name ?? basename(absolute) });
    if (isJson) return printJson(cli, file);
    // Alone, so that a script can take it: KEY=$(longshore files put …).
    cli.terminal.print(file.key);
    cli.terminal.note(formatBytes(file.bytes));
  } finally {
    await handle.close();
  }
}

async function fetchFile(cli: CliContext, key: string, flags: { output?: string }, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const address = parseFileKey(toKey(key));
  if (!address) throw new UsageError(`${key} is neither the key nor the URL of a file`);
  const path = resolve(cli.cwd, flags.output ?? address.name);
  const bytes = await saveFile(await client.files.get(key), path);
  if (isJson) return printJson(cli, { path, bytes });
  cli.terminal.print(`${path} ${cli.terminal.colors.dim(`(${formatBytes(bytes)})`)}`);
}
