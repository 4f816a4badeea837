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

/** For a document: padded, as people read it in an editor. */
export function writeMarkdown({ title, head, rows }: TextTable): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [`### ${title}`, '', ...lines.toSpliced(1, 0, rule), ''].join('\n');
}

/**
 * Replaces what stands between `<!-- name: begin -->` and `<!-- name: end -->`.
 * @throws an Error when the text lacks the markers
 */
export function replaceBetweenMarkers(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`the document lacks the markers ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
