import CliTable from 'cli-table3';
import { measureWidth, type Terminal } from './terminal.ts';

export interface Column<Row> {
  title: string;
  /** One line, already coloured. */
  cell(row: Row): string;
  align?: 'left' | 'right';
  /** The column may shrink to this width; without it its text stays whole, so that it can be copied. */
  minWidth?: number;
  /** Text that does not fit goes on in the next line instead of being cut. */
  isWrapped?: boolean;
  /** Where the width does not suffice, the column with the highest number goes first; without it it stays. */
  dropOrder?: number;
}

export type TableStyle = Pick<Terminal, 'width' | 'colors'>;

interface Fitted<Row> {
  column: Column<Row>;
  width: number;
}

const GAP = 2;
const EDGES = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'];
const LINES = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'];
const NO_BORDERS = Object.fromEntries([...EDGES, ...LINES].map((name) => [name, '']));

/** A table without borders that fits the width: columns shrink first, then the least important ones are left out. */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], style: TableStyle): string {
  const natural = columns.map((column) => ({ column, width: measureColumn(rows, column) }));
  const fitted = fitColumns(natural, style.width);
  const table = new CliTable({
    head: fitted.map(({ column }) => style.colors.dim(column.title)),
    colWidths: fitted.map(({ width }) => width + GAP),
    colAligns: fitted.map(({ column }) => column.align ?? 'left'),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP, compact: true },
  });
  table.push(
    ...rows.map((row) =>
      fitted.map(({ column }) => ({ content: column.cell(row), wordWrap: column.isWrapped === true })),
    ),
  );
  return table.toString().replace(/ +$/gm, '');
}

function measureColumn<Row>(rows: readonly Row[], column: Column<Row>): number {
  return rows.reduce((widest, row) => Math.max(widest, measureWidth(column.cell(row))), measureWidth(column.title));
}

function fitColumns<Row>(columns: readonly Fitted<Row>[], available: number): readonly Fitted<Row>[] {
  const excess = columns.reduce((sum, { width }) => sum + width + GAP, -GAP) - available;
  if (excess <= 0) return columns;
  const shrunk = shrinkColumns(columns, excess);
  if (shrunk) return shrunk;
  const dropped = columns.reduce<Fitted<Row> | undefined>(
    (last, fitted) => ((fitted.column.dropOrder ?? 0) > (last?.column.dropOrder ?? 0) ? fitted : last),
    undefined,
  );
  if (dropped) {
    return fitColumns(
      columns.filter((fitted) => fitted !== dropped),
      available,
    );
  }
  return shrinkColumns(columns, Math.min(excess, sumOf(columns.map(roomOf)))) ?? columns;
}

/** Takes the excess from the columns with the most room; undefined when there is not enough. */
function shrinkColumns<Row>(columns: readonly Fitted<Row>[], excess: number): readonly Fitted<Row>[] | undefined {
  if (sumOf(columns.map(roomOf)) < excess) return undefined;
  const shrunk = columns.map((fitted) => ({ ...fitted }));
  for (let left = excess; left > 0; left -= 1) {
    const roomiest = shrunk.reduce((best, fitted) => (roomOf(fitted) > roomOf(best) ? fitted : best));
    roomiest.width -= 1;
  }
  return shrunk;
}

function roomOf<Row>({ column, width }: Fitted<Row>): number {
  return Math.max(0, width - (column.minWidth ?? width));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
