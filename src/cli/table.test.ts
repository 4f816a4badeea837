import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { type Column, renderTable } from './table.ts';
import { measureWidth } from './terminal.ts';

interface Row {
  id: string;
  note: string;
}
const plain = pc.createColors(false);
const rows: Row[] = [
  { id: 'a-very-long-id', note: 'short' },
  { id: 'b', note: 'a note that is longer than the others' },
];
const columns: Column<Row>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'N', cell: () => '7', align: 'right', dropOrder: 1 },
  { title: 'NOTE', cell: ({ note }) => note, minWidth: 8, dropOrder: 2 },
];
const render = (width: number) => renderTable(rows, columns, { width, colors: plain }).split('\n');

describe('a table', () => {
  it('shows everything where there is room, without trailing spaces', () => {
    expect(render(Number.POSITIVE_INFINITY)).toEqual([
      'ID              N  NOTE',
      'a-very-long-id  7  short',
      'b               7  a note that is longer than the others',
    ]);
  });

  it('shortens a column that may shrink', () => {
    const lines = render(30);
    expect(lines).toEqual(['ID              N  NOTE', 'a-very-long-id  7  short', 'b               7  a note tha…']);
    expect(Math.max(...lines.map(measureWidth))).toBeLessThanOrEqual(30);
  });

  it('leaves out the least important column before it cuts an id', () => {
    expect(render(20)).toEqual(['ID              N', 'a-very-long-id  7', 'b               7']);
    expect(render(16)).toEqual(['ID', 'a-very-long-id', 'b']);
    expect(render(5)[1]).toBe('a-very-long-id');
  });

  it('wraps a column that asks for it', () => {
    const wrapped = columns.map((column) => (column.title === 'NOTE' ? { ...column, isWrapped: true } : column));
    expect(renderTable(rows, wrapped, { width: 38, colors: plain }).split('\n').slice(2)).toEqual([
      'b               7  a note that is',
      '                   longer than the',
      '                   others',
    ]);
  });

  it('aligns coloured and wide text by what is seen', () => {
    const colors = pc.createColors(true);
    const table = renderTable(
      [{ name: '日本' }, { name: 'ab' }],
      [
        { title: 'NAME', cell: ({ name }) => colors.red(name) },
        { title: 'X', cell: () => 'x' },
      ],
      { width: 80, colors },
    );
    expect(table.split('\n').map((line) => measureWidth(line))).toEqual([7, 7, 7]);
    expect(table).toContain('\u001b[31m');
  });
});
