import type { Command } from 'commander';
import { iteratePages } from '../client.ts';
import type { AuditEntryResource } from '../contract/audit.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { readInteger, readTime } from './flags.ts';
import { formatTimestamp } from './format.ts';
import { type Column, renderTable } from './table.ts';

interface AuditFlags {
  actor?: string;
  action?: string;
  since?: string;
  limit: number;
}

const DEFAULT_LIMIT = 50;
const PAGE_MAX = 200;

export function registerAudit(program: Command, cli: CliContext): void {
  program
    .command('audit')
    .description('list what was done on purpose, and by whom, newest first')
    .option('--actor <actor>', 'the first characters of a key (12), ADMIN_KEY or local')
    .option('--action <action>', 'one kind, e.g. job.cancel')
    .option('--since <time>', 'of this time or later, e.g. 2030-01-31T08:00:00Z', readTime)
    .option('--limit <n>', 'how many', readInteger, DEFAULT_LIMIT)
    .action((flags: AuditFlags, command: Command) => listAudit(cli, flags, command));
}

async function listAudit(cli: CliContext, flags: AuditFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const { limit: wanted, ...filter } = flags;
  const limit = Math.min(PAGE_MAX, Math.max(1, wanted));
  const items: AuditEntryResource[] = [];
  for await (const entry of iteratePages((cursor) => client.audit.list({ ...filter, limit, cursor }))) {
    items.push(entry);
    if (items.length >= wanted) break;
  }
  if (isJson) return printJson(cli, { items, nextCursor: null });
  if (items.length === 0) return cli.terminal.note('There is nothing of that in the audit log.');
  cli.terminal.print(renderTable(items, createColumns(cli.clock.now()), cli.terminal));
}

function createColumns(nowMs: number): Column<AuditEntryResource>[] {
  return [
    { title: 'AT', cell: ({ at }) => formatTimestamp(at, nowMs) },
    { title: 'ACTOR', cell: ({ actor }) => actor },
    { title: 'ACTION', cell: ({ action }) => action },
    { title: 'TARGET', cell: ({ target }) => target ?? '' },
    { title: 'TENANT', cell: ({ tenant }) => tenant ?? 'all', dropOrder: 1 },
    { title: 'DETAILS', cell: ({ details }) => JSON.stringify(details), minWidth: 16, dropOrder: 2 },
  ];
}
