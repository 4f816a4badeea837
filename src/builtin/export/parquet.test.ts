import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Table, tableFromIPC } from 'apache-arrow';
import { readParquet } from 'parquet-wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ColumnKind, QueryRow } from '../../define/queries.ts';
import { writeParquet } from './parquet.ts';

describe('Parquet', () => {
  let folder: string;
  let files = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-parquet-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function write(kind: ColumnKind, sqlType: string, values: (string | null)[]): Promise<Table> {
    files += 1;
    const path = join(folder, `${files}.parquet`);
    const rows: QueryRow[] = values.map((value) => [value]);
    const batches = (async function* () {
      for (const row of rows) yield [row];
    })();
    await writeParquet(path, [{ name: 'a', kind, sqlType }], batches);
    return tableFromIPC(readParquet(new Uint8Array(await readFile(path))).intoIPCStream());
  }
  const valuesOf = (table: Table) => [...(table.getChild('a') ?? [])] as unknown[];

  it('keeps each digit of a decimal', async () => {
    const table = await write('numeric', 'numeric(18,4)', ['99999999999999.9999', '-0.0001', '12', null, '-7.5']);
    expect(String(table.schema.fields[0]?.type)).toBe('Decimal[18e+4]');
    const unscaled = valuesOf(table).map((value) => (value === null ? null : BigInt.asIntN(64, toBigInt(value))));
    expect(unscaled).toEqual([999_999_999_999_999_999n, -1n, 120_000n, null, -75_000n]);
  });

  it.each(['numeric', 'numeric(19,4)', 'numeric(3,5)', 'numeric(5,-2)'])('keeps %s as text', async (sqlType) => {
    const values = ['123456789012345678901234567890.5', 'NaN', 'Infinity', null];
    expect(valuesOf(await write('numeric', sqlType, values))).toEqual(values);
  });

  it('keeps times to the microsecond, also before 1970 and before Christ', async () => {
    const values = ['2030-01-31T08:00:00.000001Z', '1969-12-31T23:59:59.999999Z', '-000043-03-15T00:00:00Z'];
    const table = await write('timestamptz', 'timestamp with time zone', values);
    const column = table.getChild('a')?.data[0]?.values as BigInt64Array;
    const micros = (text: string, more: bigint) => BigInt(Date.parse(text)) * 1000n + more;
    expect([...column]).toEqual([micros('2030-01-31T08:00:00Z', 1n), -1n, micros('-000043-03-15T00:00:00Z', 0n)]);
  });

  it('keeps days', async () => {
    const table = await write('date', 'date', ['1970-01-02', '1969-12-31', '-000043-03-15', null]);
    const days = table.getChild('a')?.data[0]?.values as Int32Array;
    expect([...days.slice(0, 3)]).toEqual([1, -1, Date.parse('-000043-03-15') / 86_400_000]);
    expect(table.getChild('a')?.nullCount).toBe(1);
  });

  it.each([
    ['timestamptz', 'timestamp with time zone', 'infinity'],
    ['date', 'date', '-infinity'],
    ['numeric', 'numeric(10,2)', 'NaN'],
  ] as const)('says which column holds what it cannot keep: %s', async (kind, sqlType, value) => {
    await expect(write(kind, sqlType, [value])).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: `column "a" (${sqlType}) holds ${value}, which Parquet cannot keep: cast it to text in the query`,
    });
  });
});

/** Arrow gives a decimal as its 32-bit parts, the lowest first. */
function toBigInt(value: unknown): bigint {
  const [low = 0, high = 0] = value as Uint32Array;
  return (BigInt(high) << 32n) | BigInt(low);
}
