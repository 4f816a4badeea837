import type { QueryColumn } from '../../define/queries.ts';
import type { CsvOptions } from './export-schema.ts';
import type { TextFormat } from './text-file.ts';

/** As RFC 4180 says. Written here: NULL, an empty text and formulas are told apart before anything is quoted. */
export function createCsv(columns: readonly QueryColumn[], options: CsvOptions): TextFormat {
  const { delimiter, header, bom, nulls, guardFormulas } = options;
  const encodeText = (text: string) => quote(text, delimiter, nulls);
  const encodeGuarded = (text: string) => encodeText(FORMULA.test(text) ? `'${text}` : text);
  const encoders = columns.map(({ kind }) => (guardFormulas && kind === 'text' ? encodeGuarded : encodeText));
  const toLine = (fields: readonly string[]) => `${fields.join(delimiter)}\r\n`;
  const names = columns.map(({ name }) => (guardFormulas ? encodeGuarded(name) : encodeText(name)));
  return {
    head: `${bom ? '\uFEFF' : ''}${header ? toLine(names) : ''}`,
    encode: (rows) =>
      rows
        .map((row) => toLine(row.map((value, index) => (value === null ? nulls : (encoders[index]?.(value) ?? '')))))
        .join(''),
  };
}

// What OWASP lists (CSV injection), with the full-width signs that spreadsheets take for the others.
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;

function quote(text: string, delimiter: string, nulls: string): string {
  const isPlain = text !== nulls && text !== '' && !/["\r\n]|^\s|\s$/.test(text) && !text.includes(delimiter);
  return isPlain ? text : `"${text.replaceAll('"', '""')}"`;
}
