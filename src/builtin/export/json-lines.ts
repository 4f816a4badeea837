import type { ColumnKind, QueryColumn } from '../../define/queries.ts';
import type { TextFormat } from './text-file.ts';

/**
 * An object a line. `bigint` and `numeric` are texts, since most readers of JSON would round them; `json` and arrays are
 * JSON as they are.
 */
export function createJsonLines(columns: readonly QueryColumn[]): TextFormat {
  const fields = columns.map(({ name, kind }) => ({ key: `${JSON.stringify(name)}:`, kind }));
  return {
    head: '',
    encode: (rows) =>
      rows
        .map((row) => `{${fields.map(({ key, kind }, index) => key + encode(kind, row[index] ?? null)).join(',')}}\n`)
        .join(''),
  };
}

function encode(kind: ColumnKind, text: string | null): string {
  if (text === null) return 'null';
  if (kind === 'boolean' || kind === 'integer') return text;
  // A line break in JSON stands between its parts, never within a text.
  if (kind === 'json' || kind === 'array') return text.replaceAll(/[\r\n]+/g, ' ');
  const isNumber = (kind === 'real' || kind === 'double') && Number.isFinite(Number(text));
  return isNumber ? text : JSON.stringify(text);
}
