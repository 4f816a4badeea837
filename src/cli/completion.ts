import { Argument, type Command } from 'commander';
import { type Client, collectPages, createClient } from '../client.ts';
import { type LookUp, suggest } from './complete-line.ts';
import { completionScripts, type Shell } from './completion-scripts.ts';
import type { CliContext } from './context.ts';
import { readProfiles } from './profile-store.ts';
import { type GlobalFlags, resolveSettings } from './settings.ts';

const EXAMPLES = `
Load it once, e.g. in ~/.bashrc, ~/.zshrc (after compinit) or ~/.config/fish/config.fish:
  source <(longshore completion bash)
  source <(longshore completion zsh)
  longshore completion fish | source`;
/** A person waits at the tab key. */
const ANSWER_LIMIT_MS = 500;

export function registerCompletion(program: Command, cli: CliContext): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(completionScripts)))
    .description('print what makes a shell complete commands, flags, types and queues')
    .addHelpText('after', EXAMPLES)
    .action((shell: Shell) => cli.terminal.write(completionScripts[shell]));
  program
    .command('__complete', { hidden: true })
    .argument('<line>')
    .action((line: string) => printSuggestions(program, cli, line));
}

async function printSuggestions(program: Command, cli: CliContext, line: string): Promise<void> {
  const { words, lookUp } = suggest(program, line);
  const known = lookUp === undefined ? [] : await lookUpNames(cli, line, lookUp);
  const current = /\S*$/.exec(line)?.[0] ?? '';
  const flag = /^--[\w-]+=/.exec(current)?.[0] ?? '';
  const candidates = [...words, ...known.map((name) => flag + name)];
  for (const word of new Set(candidates)) if (word.startsWith(current)) cli.terminal.print(word);
}

async function lookUpNames({ environment }: CliContext, line: string, lookUp: LookUp): Promise<string[]> {
  try {
    if (lookUp === 'profiles') return Object.keys(readProfiles(environment).profiles);
    const { url, key } = resolveSettings(readGlobalFlags(line), environment);
    const client = createClient({ url, key, retries: 0 });
    return await fetchNames(client, lookUp, AbortSignal.timeout(ANSWER_LIMIT_MS));
  } catch {
    return []; // a completion that fails must not write into somebody's line
  }
}

function fetchNames(client: Client, lookUp: 'types' | 'queues', signal: AbortSignal): Promise<string[]> {
  return lookUp === 'types'
    ? collectPages((cursor) => client.types.list({ cursor, limit: 200 }, { signal })).then((all) =>
        all.map(({ type }) => type),
      )
    : collectPages((cursor) => client.queues.list({ cursor, limit: 200 }, { signal })).then((all) =>
        all.map(({ name }) => name),
      );
}

/** The server that the line asks for, and nobody else's. */
function readGlobalFlags(line: string): GlobalFlags {
  const readFlag = (flag: string) => new RegExp(`\\s--${flag}[= ](\\S+)`).exec(line)?.[1];
  const [url, key, profile] = ['url', 'key', 'profile'].map(readFlag);
  return { ...(url ? { url } : {}), ...(key ? { key } : {}), ...(profile ? { profile } : {}) };
}
