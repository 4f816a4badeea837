import { Argument, type Command } from 'commander';
import { type Client, createClient } from '../client.ts';
import { LIST_LIMIT_MAX } from '../contract/list.ts';
import { type Shell, shells, writeCompletion } from './completion-scripts.ts';
import { describeProgram, type NameKind, nameKinds } from './completion-table.ts';
import type { CliContext } from './context.ts';
import { readProfiles } from './profile-store.ts';
import { type GlobalFlags, resolveSettings } from './settings.ts';

/** A person who has pressed Tab does not wait longer. */
const PATIENCE_MS = 500;
/** Shells expand what they are given: names with any other character are left out. */
const HARMLESS = /^[A-Za-z0-9][A-Za-z0-9._:-]*$/;
const EXAMPLES = `
Examples:
  source <(longshore completion bash)     in ~/.bashrc
  source <(longshore completion zsh)      in ~/.zshrc, after compinit
  longshore completion fish | source      in ~/.config/fish/config.fish`;

export function registerCompletion(program: Command, cli: CliContext): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .description('print the script that lets a shell complete commands, flags and names')
    .addHelpText('after', EXAMPLES)
    .action((shell: Shell) => cli.terminal.write(writeCompletion(shell, describeProgram(program))));
  program
    .command('__complete', { hidden: true })
    .addArgument(new Argument('<kind>').choices(nameKinds))
    .argument('[words...]')
    .action((kind: NameKind, words: string[]) => completeNames(cli, kind, words));
}

/** Prints the names of a kind, one a line; nothing when they cannot be known at once, whatever the reason. */
async function completeNames(cli: CliContext, kind: NameKind, words: readonly string[]): Promise<void> {
  try {
    const names = await listNames(cli, kind, readGlobalFlags(words));
    for (const name of names) if (HARMLESS.test(name)) cli.terminal.print(name);
  } catch {
    // An error between the words that somebody types is worse than no names.
  }
}

async function listNames(cli: CliContext, kind: NameKind, flags: GlobalFlags): Promise<readonly string[]> {
  if (kind === 'profiles') return Object.keys(readProfiles(cli.environment).profiles);
  const { url, key } = resolveSettings(flags, cli.environment);
  return askServer(createClient({ url, key, retries: 0 }), kind, AbortSignal.timeout(PATIENCE_MS));
}

async function askServer(
  { types, queues, jobs }: Client,
  kind: Exclude<NameKind, 'profiles'>,
  signal: AbortSignal,
): Promise<string[]> {
  const all = { limit: LIST_LIMIT_MAX };
  switch (kind) {
    case 'types':
      return (await types.list(all, { signal })).items.map(({ type }) => type);
    case 'queues':
      return (await queues.list(all, { signal })).items.map(({ name }) => name);
    case 'jobs':
      return (await jobs.list({}, { signal })).items.map(({ id }) => id);
  }
}

/** Which server the unfinished command line is about. */
function readGlobalFlags(words: readonly string[]): GlobalFlags {
  const readFlag = (flag: string) => {
    const index = words.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
    const word = words[index];
    return word === flag ? words[index + 1] : word?.slice(flag.length + 1);
  };
  const [url, key, profile] = ['--url', '--key', '--profile'].map(readFlag);
  return { ...(url ? { url } : {}), ...(key ? { key } : {}), ...(profile ? { profile } : {}) };
}
