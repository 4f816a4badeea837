import CliTable from 'cli-table3';
import type { TextTable } from './tables.ts';

const LEFT_COLUMNS = 2;
const GAP = 2;
const BORDERS = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'];
const LINES = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'];

/** For a terminal: aligned columns without borders. */
export function printTable({ title, head, rows }: TextTable): string {
  const table = new CliTable({
    head,
    colAligns: head.map((_, column) => (column < LEFT_COLUMNS ? 'left' : 'right')),
    chars: Object.fromEntries([...BORDERS, ...LINES].map((name) => [name, ''])),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP, compact: true },
  });
  table.push(...rows);
  return `${title}\n${table.toString().replace(/ +$/gm, '')}\n`;
}
