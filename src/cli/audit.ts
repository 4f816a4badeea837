import type { Command } from 'commander';
import type { AuditEntryResource } from '../contract/audit.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { readTime } from './flags.ts';
import { formatTimestamp } from './format.ts';
import { addPageFlags, type PageFlags, printPage } from './pages.ts';
import type { Column } from './table.ts';

interface AuditFlags extends PageFlags {
  actor?: string;
  action?: string;
  since?: string;
}

export function registerAudit(program: Command, cli: CliContext): void {
  addPageFlags(program.command('audit').description('list what was done on purpose, and by whom, newest first'))
    .option('--actor <actor>', 'the first characters of a key (12), ADMIN_KEY or local')
    .option('--action <action>', 'one kind, e.g. job.cancel')
    .option('--since <time>', 'of this time or later, e.g. 2030-01-31T08:00:00Z', readTime)
    .action((flags: AuditFlags, command: Command) => listAudit(cli, flags, command));
}

async function listAudit(cli: CliContext, flags: AuditFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const page = await client.audit.list({ ...flags });
  if (isJson) return printJson(cli, page);
  const none = 'There is nothing of that in the audit log.';
  printPage(cli, page, createColumns(cli.clock.now()), { noun: 'action', none });
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
