import type { SchemaElement } from 'hyparquet-writer';
import { NonRetryableError } from '../../define/errors.ts';
import type { QueryColumn } from '../../define/queries.ts';

export interface ParquetColumn {
  element: SchemaElement;
  convert: (text: string) => unknown;
}

/** What a decimal of 64 bits holds in any case. */
const INT64_DIGITS = 18;
const DAY_MS = 86_400_000;

/** Everything that Parquet has no exact type for is text: `numeric` without limits, JSON, arrays. */
export function chooseParquetColumn(column: QueryColumn): ParquetColumn {
  const { name, kind } = column;
  const define = (element: Omit<SchemaElement, 'name'>, convert: ParquetColumn['convert']): ParquetColumn => ({
    element: { name, repetition_type: 'OPTIONAL', ...element },
    convert,
  });
  switch (kind) {
    case 'boolean':
      return define({ type: 'BOOLEAN' }, (text) => text === 'true');
    case 'integer':
      return define({ type: 'INT32' }, Number);
    case 'bigint':
      return define({ type: 'INT64' }, BigInt);
    case 'real':
      return define({ type: 'FLOAT' }, Number);
    case 'double':
      return define({ type: 'DOUBLE' }, Number);
    case 'bytes':
      return define({ type: 'BYTE_ARRAY' }, (text) => new Uint8Array(Buffer.from(text, 'base64')));
    case 'date':
      return define({ type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } }, (text) =>
        toDays(column, text),
      );
    case 'timestamp':
    case 'timestamptz': {
      const isAdjustedToUTC = kind === 'timestamptz';
      const logical_type = { type: 'TIMESTAMP', isAdjustedToUTC, unit: 'MICROS' } as const;
      return define({ type: 'INT64', logical_type }, (text) => toMicros(column, text));
    }
    case 'numeric': {
      const [precision = 0, scale = 0] = /^numeric\((\d+),(\d+)\)$/.exec(column.sqlType)?.slice(1).map(Number) ?? [];
      if (precision === 0 || precision > INT64_DIGITS || scale > precision) break;
      const element = { type: 'INT64', converted_type: 'DECIMAL', precision, scale } as const;
      return define(element, (text) => toUnscaled(column, text, scale));
    }
    default:
  }
  return define({ type: 'BYTE_ARRAY', converted_type: 'UTF8' }, (text) => text);
}

function toDays(column: QueryColumn, text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw refuse(column, text);
  return ms / DAY_MS;
}

/** The digits of `2030-01-31T08:00:00.123456Z` that a Date does not keep are added to its milliseconds. */
function toMicros(column: QueryColumn, text: string): bigint {
  const [, start = '', fraction = ''] = /^(.+?)(?:\.(\d+))?Z?$/.exec(text) ?? [];
  const ms = Date.parse(`${start}Z`);
  if (Number.isNaN(ms)) throw refuse(column, text);
  return BigInt(ms) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

function toUnscaled(column: QueryColumn, text: string, scale: number): bigint {
  const [, sign = '', whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === undefined) throw refuse(column, text);
  return BigInt(`${sign}${whole}${fraction.padEnd(scale, '0')}`);
}

function refuse({ name, sqlType }: QueryColumn, text: string): NonRetryableError {
  return new NonRetryableError(
    `column "${name}" (${sqlType}) holds ${text}, which Parquet cannot keep: cast it to text in the query`,
  );
}
