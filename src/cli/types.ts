import type { Command } from 'commander';
import { collectPages } from '../client.ts';
import type { TypeResource } from '../contract/program.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { formatDuration } from './format.ts';
import { type Column, renderTable } from './table.ts';
import { cleanLine } from './terminal.ts';
import { renderType } from './type-view.ts';

const columns: Column<TypeResource>[] = [
  { title: 'TYPE', cell: (type) => type.type },
  { title: 'QUEUE', cell: (type) => type.queue, dropOrder: 3 },
  { title: 'ATTEMPTS', cell: (type) => String(type.defaults.attempts), align: 'right', dropOrder: 4 },
  { title: 'TIMEOUT', cell: (type) => formatDuration(type.defaults.timeoutMs), align: 'right', dropOrder: 5 },
  { title: 'INPUT', cell: (type) => describeInput(type.inputSchema), minWidth: 24, dropOrder: 1 },
  { title: 'DESCRIPTION', cell: (type) => cleanLine(type.description), minWidth: 30, dropOrder: 2 },
];

export function registerTypes(program: Command, cli: CliContext): void {
  program
    .command('types')
    .argument('[type]', 'one of them, with all that there is to know about it')
    .description('list the job types that the server knows; fields with ? may be left out')
    .action(async (wanted: string | undefined, _flags: unknown, command: Command) => {
      const { client, isJson } = openSession(cli, command);
      const items = await collectPages((cursor) => client.types.list({ cursor }));
      if (wanted !== undefined) return showType(cli, findType(items, wanted), isJson);
      if (isJson) return printJson(cli, { items, nextCursor: null });
      if (items.length === 0) return cli.terminal.note('The server knows no job type.');
      cli.terminal.print(renderTable(items, columns, cli.terminal));
    });
}

function findType(types: readonly TypeResource[], wanted: string): TypeResource {
  const found = types.find(({ type }) => type === wanted);
  if (found) return found;
  throw new UsageError(`there is no job type "${wanted}"; "longshore types" lists those that there are`);
}

function showType(cli: CliContext, type: TypeResource, isJson: boolean): void {
  if (isJson) printJson(cli, type);
  else cli.terminal.print(renderType(type, cli.terminal));
}

/** The fields of a JSON Schema object: `url, method?, headers?`. */
export function describeInput(schema: Record<string, unknown>): string {
  const { properties, required } = schema as { properties?: Record<string, unknown>; required?: string[] };
  const names = Object.keys(properties ?? {});
  return cleanLine(names.map((name) => (required?.includes(name) ? name : `${name}?`)).join(', '));
}
