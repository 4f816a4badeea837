import { resolve } from 'node:path';
import type { Command } from 'commander';
import { parseFileKey, toKey } from '../shared/file-keys.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { formatBytes } from './format.ts';
import { saveFile } from './save-file.ts';

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
  const bytes = await saveFile(await client.files.get(key), path);
  if (isJson) return printJson(cli, { path, bytes });
  cli.terminal.print(`${path} ${cli.terminal.colors.dim(`(${formatBytes(bytes)})`)}`);
}
