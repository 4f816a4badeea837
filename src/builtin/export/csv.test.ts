import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnKind } from '../../define/queries.ts';
import { createCsv } from './csv.ts';
import { type CsvOptions, exportInputSchema } from './export-schema.ts';

const defaults = exportInputSchema.parse({ query: 'x' }).csv;
const column = (name: string, kind: ColumnKind = 'text') => ({ name, kind, sqlType: kind });

function write(rows: (string | null)[][], more: Partial<CsvOptions> = {}, kind: ColumnKind = 'text'): string {
  const columns = (rows[0] ?? []).map((_, index) => column(`c${index}`, kind));
  return createCsv(columns, { ...defaults, header: false, ...more }).encode(rows);
}

describe('CSV', () => {
  it('is read back as it was written, whatever the text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(text, text), { minLength: 1 }),
        fc.constantFrom(',', ';', '\t', '|'),
        (rows, delimiter) => {
          const csv = write(rows, { guardFormulas: false, delimiter: delimiter as ',' });
          expect(parse(csv, { delimiter, record_delimiter: '\r\n' })).toEqual(rows);
        },
      ),
    );
  });

  it('keeps NULL, an empty text and the text that stands for NULL apart', () => {
    expect(write([[null, '', 'a']])).toBe(',"",a\r\n');
    expect(write([[null, '', 'NULL']], { nulls: 'NULL' })).toBe('NULL,"","NULL"\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠x'])(
    'lets no spreadsheet run the text %j',
    (text) => {
      expect(parse(write([[text]]))).toEqual([[`'${text}`]]);
      expect(parse(write([[text]], { guardFormulas: false }))).toEqual([[text]]);
      expect(createCsv([column(text)], defaults).head).toContain(`'${text}`);
    },
  );

  it('leaves numbers and times as they are', () => {
    for (const kind of ['integer', 'bigint', 'numeric', 'double', 'date', 'timestamptz'] as const) {
      expect(write([['-000043-03-15']], {}, kind)).toBe('-000043-03-15\r\n');
    }
  });
});
