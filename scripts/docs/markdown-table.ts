/** The lines of a table. Columns are padded, as people who read the source want them. */
export function writeTable(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const table = [head, ...body.map((row) => row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')))];
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return lines.toSpliced(1, 0, rule);
}
