import type { Command } from 'commander';
import { type CliContext, printJson } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { type Profile, type Profiles, readProfiles, writeProfiles } from './profile-store.ts';
import { checkUrl, type GlobalFlags } from './settings.ts';
import { type Column, renderTable } from './table.ts';
import type { Colors } from './terminal.ts';

interface ProfileRow {
  name: string;
  url: string;
  hasKey: boolean;
  isCurrent: boolean;
}

const EXAMPLES = `
Examples:
  longshore profiles add production --url https://jobs.example.com --key - < key.txt
  longshore profiles use production
  longshore --profile staging queues`;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function registerProfiles(program: Command, cli: CliContext): void {
  const profiles = program
    .command('profiles')
    .description('keep the addresses and keys of several servers')
    .addHelpText('after', EXAMPLES);
  profiles
    .command('list')
    .description('list the profiles')
    .action((_flags: unknown, command: Command) => listProfiles(cli, command));
  profiles
    .command('add')
    .argument('<name>')
    .description('add a profile with --url and --key (- reads it from standard input), or change it')
    .action((name: string, _flags: unknown, command: Command) => addProfile(cli, name, command));
  profiles
    .command('remove')
    .argument('<name>')
    .description('remove a profile')
    .action((name: string) => removeProfile(cli, name));
  profiles
    .command('use')
    .argument('<name>')
    .description('use a profile where neither flags nor variables name a server')
    .action((name: string) => useProfile(cli, name));
}

function listProfiles(cli: CliContext, command: Command): void {
  const { current, profiles } = readProfiles(cli.environment);
  const items: ProfileRow[] = Object.entries(profiles).map(([name, { url, key }]) => ({
    name,
    url,
    hasKey: key !== undefined,
    isCurrent: name === current,
  }));
  const { terminal } = cli;
  if (command.optsWithGlobals<GlobalFlags>().json) printJson(cli, { items, nextCursor: null });
  else if (items.length === 0) terminal.note('There is no profile yet: longshore profiles add <name> --url <url>');
  else terminal.print(renderTable(items, createProfileColumns(terminal.colors), terminal));
}

function createProfileColumns(colors: Colors): Column<ProfileRow>[] {
  return [
    { title: 'NAME', cell: ({ name, isCurrent }) => (isCurrent ? colors.green(name) : name) },
    { title: 'URL', cell: ({ url }) => url, minWidth: 20 },
    { title: 'KEY', cell: ({ hasKey }) => (hasKey ? 'yes' : '') },
    { title: 'USED', cell: ({ isCurrent }) => (isCurrent ? 'yes' : '') },
  ];
}

async function addProfile(cli: CliContext, name: string, command: Command): Promise<void> {
  const { url, key } = command.optsWithGlobals<GlobalFlags>();
  if (!NAME.test(name)) throw new UsageError('a name is letters, digits, ".", "_" or "-", at most 100');
  if (!url) throw new UsageError('give the address of the server with --url');
  checkUrl('--url', url);
  const secret = key === '-' ? (await cli.readStdin()).trim() : key;
  const profile: Profile = { url, ...(secret ? { key: secret } : {}) };
  const stored = readProfiles(cli.environment);
  writeProfiles(cli.environment, { ...stored, profiles: { ...stored.profiles, [name]: profile } });
  cli.terminal.print(`${name} is ${url}${secret ? ', with a key' : ''}`);
}

function removeProfile(cli: CliContext, name: string): void {
  const stored = readProfiles(cli.environment);
  requireProfile(name, stored);
  const { [name]: _removed, ...profiles } = stored.profiles;
  const current = stored.current === name ? undefined : stored.current;
  writeProfiles(cli.environment, { ...(current === undefined ? {} : { current }), profiles });
  cli.terminal.print(`${name} was removed`);
}

function useProfile(cli: CliContext, name: string): void {
  const stored = readProfiles(cli.environment);
  const profile = requireProfile(name, stored);
  writeProfiles(cli.environment, { ...stored, current: name });
  cli.terminal.print(`commands go to ${name}, ${profile.url}`);
}

/** @throws UsageError that names those that there are */
function requireProfile(name: string, { profiles }: Profiles): Profile {
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (profile) return profile;
  const known = Object.keys(profiles);
  throw new UsageError(
    `there is no profile ${JSON.stringify(name)}; ${known.length === 0 ? 'there are none yet' : `there are ${known.join(', ')}`}`,
  );
}
