import { type Command, InvalidArgumentError } from 'commander';
import { collectPages } from '../client.ts';
import type { TenantChange, TenantResource } from '../contract/tenants.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { readInteger } from './flags.ts';
import { type Column, renderTable } from './table.ts';

/** In place of null, which commander takes for a flag without a value. */
const NO_LIMIT = 'none';

type TenantFlags = { [Field in keyof TenantChange]: number | typeof NO_LIMIT };

export function registerTenants(program: Command, cli: CliContext): void {
  const tenants = program.command('tenants').description('show and change what tenants may use');
  tenants
    .command('list')
    .description('list the tenants for which something was set')
    .action((_flags: unknown, command: Command) => listTenants(cli, command));
  tenants
    .command('get')
    .description('show the limits of a tenant and what it uses')
    .argument('<name>', 'the name of the tenant')
    .action(async (name: string, _flags: unknown, command: Command) => {
      const { client, isJson } = openSession(cli, command);
      printTenant(cli, await client.tenants.get(name), isJson);
    });
  tenants
    .command('set')
    .description('change limits of a tenant; what is not named stays')
    .argument('<name>', 'the name of the tenant')
    .option('--weight <number>', 'its share of a queue that several tenants want, 1 to 1000', readInteger)
    .option('--requests-per-second <limit>', 'calls of the API, or none', readLimit)
    .option('--max-running <limit>', 'jobs that run at once, or none', readLimit)
    .option('--max-queued <limit>', 'jobs that wait, or none', readLimit)
    .option('--max-per-day <limit>', 'jobs that are enqueued in a day (UTC), or none', readLimit)
    .action(async (name: string, flags: TenantFlags, command: Command) => {
      const { client, isJson } = openSession(cli, command);
      if (Object.keys(flags).length === 0) throw new UsageError('say what to change; see --help');
      printTenant(cli, await client.tenants.set(name, toChange(flags)), isJson);
    });
  tenants
    .command('delete')
    .description('take away all that was set for a tenant; its jobs and keys stay')
    .argument('<name>', 'the name of the tenant')
    .action(async (name: string, _flags: unknown, command: Command) => {
      const { client, isJson } = openSession(cli, command);
      await client.tenants.delete(name);
      if (isJson) printJson(cli, { deleted: name });
      else cli.terminal.print(`The tenant ${name} has no limits any more.`);
    });
}

function toChange(flags: TenantFlags): TenantChange {
  const entries = Object.entries(flags).map(([field, limit]) => [field, limit === NO_LIMIT ? null : limit]);
  return Object.fromEntries(entries) as TenantChange;
}

async function listTenants(cli: CliContext, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const items = await collectPages((cursor) => client.tenants.list({ cursor }));
  if (isJson) return printJson(cli, { items, nextCursor: null });
  if (items.length === 0) return cli.terminal.note('Nothing was set for any tenant yet.');
  cli.terminal.print(renderTable(items, columns, cli.terminal));
}

function printTenant(cli: CliContext, tenant: TenantResource, isJson: boolean): void {
  if (isJson) printJson(cli, tenant);
  else cli.terminal.print(renderTable([tenant], columns, cli.terminal));
}

/** What is used of what may be used, e.g. `12 / 100`. */
function showUse(used: number | null, limit: number | null): string {
  return `${used === null ? '' : String(used)} / ${showLimit(limit)}`.trim();
}

function showLimit(limit: number | null): string {
  return limit === null ? '–' : String(limit);
}

const columns: Column<TenantResource>[] = [
  { title: 'TENANT', cell: ({ name }) => name, minWidth: 8 },
  { title: 'WEIGHT', cell: ({ weight }) => String(weight), align: 'right', dropOrder: 2 },
  { title: 'RUNNING', cell: ({ usage, maxRunning }) => showUse(usage.running, maxRunning), align: 'right' },
  { title: 'QUEUED', cell: ({ usage, maxQueued }) => showUse(usage.queued, maxQueued), align: 'right' },
  { title: 'TODAY', cell: ({ usage, maxPerDay }) => showUse(usage.today, maxPerDay), align: 'right', dropOrder: 1 },
  { title: 'REQ/S', cell: ({ requestsPerSecond }) => showLimit(requestsPerSecond), align: 'right', dropOrder: 3 },
];

function readLimit(text: string): number | typeof NO_LIMIT {
  if (text === NO_LIMIT) return NO_LIMIT;
  if (!/^\d{1,10}$/.test(text.trim())) throw new InvalidArgumentError('It must be a whole number, or none.');
  return Number(text);
}
