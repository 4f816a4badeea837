import { type Command, InvalidArgumentError } from 'commander';
import { collectPages } from '../client.ts';
import { type ApiKeyResource, type KeyScope, keyScopes } from '../contract/api-keys.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { readTime } from './flags.ts';
import { formatAge } from './format.ts';
import { type Column, renderTable } from './table.ts';
import type { Colors } from './terminal.ts';

interface CreateFlags {
  scope: KeyScope[];
  tenant?: string;
  expires?: string;
}

export function registerKeys(program: Command, cli: CliContext): void {
  const keys = program.command('keys').description('make, list and revoke the keys of callers');
  keys
    .command('create')
    .description('make a key and print it, this once')
    .argument('<name>', 'what the key is for')
    .requiredOption('--scope <scopes>', `one or several of ${keyScopes.join(', ')}, separated by commas`, readScopes)
    .option('--tenant <tenant>', 'whose data it is for (default: as the key that makes it)')
    .option('--expires <time>', 'when it ends, e.g. 2030-01-31T08:00:00Z', readTime)
    .action((name: string, flags: CreateFlags, command: Command) => createKey(cli, name, flags, command));
  keys
    .command('list')
    .description('list keys, newest first, also those that are no longer good')
    .action((_flags: unknown, command: Command) => listKeys(cli, command));
  keys
    .command('revoke')
    .description('make a key good for nothing, at once')
    .argument('<id>', 'the id of the key')
    .action((id: string, _flags: unknown, command: Command) => revokeKey(cli, id, command));
}

async function createKey(cli: CliContext, name: string, flags: CreateFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const { scope: scopes, tenant, expires: expiresAt } = flags;
  const created = await client.apiKeys.create({ name, scopes, tenant, expiresAt });
  if (isJson) return printJson(cli, created);
  cli.terminal.print(created.key ?? '');
  cli.terminal.note('Keep it now: it is shown this once.');
}

async function listKeys(cli: CliContext, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const items = await collectPages((cursor) => client.apiKeys.list({ cursor }));
  if (isJson) return printJson(cli, { items, nextCursor: null });
  if (items.length === 0) return cli.terminal.note('There is no key yet.');
  cli.terminal.print(renderTable(items, createColumns(cli), cli.terminal));
}

async function revokeKey(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const revoked = await client.apiKeys.revoke(id);
  if (isJson) return printJson(cli, revoked);
  cli.terminal.print(`Revoked ${revoked.prefix}… (${revoked.name}).`);
}

function createColumns({ clock, terminal: { colors } }: CliContext): Column<ApiKeyResource>[] {
  const now = clock.now();
  const age = (iso: string | null) => (iso === null ? '' : formatAge(iso, now));
  return [
    { title: 'ID', cell: ({ id }) => id },
    { title: 'NAME', cell: ({ name }) => name, minWidth: 8 },
    { title: 'KEY', cell: ({ prefix }) => `${prefix}…`, dropOrder: 2 },
    { title: 'TENANT', cell: ({ tenant }) => tenant ?? colors.dim('all'), dropOrder: 1 },
    { title: 'SCOPES', cell: ({ scopes }) => scopes.join(', '), dropOrder: 3 },
    { title: 'STATE', cell: (key) => describeState(key, now, colors) },
    { title: 'LAST USE', cell: ({ lastUsedAt }) => age(lastUsedAt), align: 'right', dropOrder: 4 },
    { title: 'CREATED', cell: ({ createdAt }) => age(createdAt), align: 'right', dropOrder: 5 },
  ];
}

function describeState({ revokedAt, expiresAt }: ApiKeyResource, nowMs: number, colors: Colors): string {
  if (revokedAt !== null) return colors.red('revoked');
  if (expiresAt !== null && Date.parse(expiresAt) <= nowMs) return colors.yellow('expired');
  return colors.green('good');
}

function readScopes(text: string): KeyScope[] {
  return text.split(',').map((part) => {
    const scope = keyScopes.find((known) => known === part.trim());
    if (!scope) throw new InvalidArgumentError(`Allowed are ${keyScopes.join(', ')}.`);
    return scope;
  });
}
