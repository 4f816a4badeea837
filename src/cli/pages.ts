import type { Command } from 'commander';
import type { Page } from '../contract/list.ts';
import type { CliContext } from './context.ts';
import { readInteger } from './flags.ts';
import { formatCount } from './format.ts';
import { type Column, renderTable } from './table.ts';

export interface PageFlags {
  limit?: number;
  cursor?: string;
}

export function addPageFlags(command: Command): Command {
  return command
    .option('--limit <number>', 'how many, from 1 to 200 (default: 50)', readInteger)
    .option('--cursor <cursor>', 'go on after an earlier list');
}

/**
 * Prints a page as a table, and how to get the next one.
 * @param noun what a row is, e.g. `job`
 * @param none what is said where there is nothing at all
 */
export function printPage<Row>(
  { terminal }: Pick<CliContext, 'terminal'>,
  page: Page<Row>,
  columns: readonly Column<Row>[],
  { noun, none }: { noun: string; none: string },
): void {
  // A search may end its page early: none found so far is not none at all.
  if (page.items.length > 0) terminal.print(renderTable(page.items, columns, terminal));
  else if (page.nextCursor === null) terminal.note(none);
  if (page.nextCursor === null) return;
  const count = formatCount(page.items.length, noun);
  terminal.note(terminal.colors.dim(`${count}; more with the same flags and --cursor ${page.nextCursor}`));
}
