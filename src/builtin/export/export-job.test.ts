import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { OpenedQuery, OpenQuery, QueryColumn, QueryRow } from '../../define/queries.ts';
import { defineQuery } from '../../define/query.ts';
import { runJob } from '../../testing.ts';
import { dataExport } from './export-job.ts';
import { groupRows } from './parquet.ts';

const orders = defineQuery({
  name: 'orders',
  parameters: z.strictObject({ since: z.int().optional() }),
  sql: 'select * from orders',
});
const columns: QueryColumn[] = [{ name: 'n', sqlType: 'integer', kind: 'integer' }];

function prepare(batches: () => AsyncGenerator<readonly QueryRow[], void>, more: Partial<OpenedQuery> = {}) {
  const asked: OpenQuery[] = [];
  let closed = 0;
  const query: OpenedQuery = {
    columns,
    estimatedRows: 4,
    batches,
    async close() {
      closed += 1;
    },
    ...more,
  };
  const open = async (request: OpenQuery) => {
    asked.push(request);
    return query;
  };
  const run = (input: object = {}) =>
    runJob(
      dataExport,
      { query: 'orders', ...input },
      { services: { queries: { open } }, known: { queries: [orders] }, job: { tenant: 'acme' } },
    );
  return { run, asked, closed: () => closed };
}

const two = async function* (): AsyncGenerator<readonly QueryRow[], void> {
  yield [['1'], ['2']];
  yield [['3']];
};

describe('data:export', () => {
  it('asks for its own tenant, reports rows, and closes the query', async () => {
    const { run, asked, closed } = prepare(two);
    const { output, progress, files } = await run({ parameters: { since: 1 } });
    expect(asked).toMatchObject([{ query: 'orders', parameters: { since: 1 }, tenant: 'acme' }]);
    expect(readFileSync(files[0]?.path ?? '', 'utf8')).toBe('n\r\n1\r\n2\r\n3\r\n');
    expect(output).toMatchObject({ rows: 3, format: 'csv', columns: [{ name: 'n', type: 'integer' }] });
    expect(progress.map(({ percent }) => percent)).toEqual([0, 50, 75, 100]);
    expect(closed()).toBe(1);
  });

  it('never claims to be done before the end, however wrong the estimate', async () => {
    const { progress } = await prepare(two, { estimatedRows: 0 }).run();
    expect(progress.map(({ percent }) => percent)).toEqual([0, 99, 99, 100]);
  });

  it('holds no more than a row group of Parquet, by rows and by bytes', async () => {
    const sizesOf = async (batches: number, row: QueryRow) => {
      const source = async function* () {
        for (let index = 0; index < batches; index += 1) yield Array.from({ length: 1000 }, () => row);
      };
      const sizes: number[] = [];
      for await (const group of groupRows(source())) sizes.push(group.length);
      return sizes;
    };
    expect(await sizesOf(45, ['1'])).toEqual([20_000, 20_000, 5000]);
    expect(await sizesOf(5, ['x'.repeat(5000)])).toEqual([2000, 2000, 1000]); // 8 MiB
    expect(await sizesOf(0, [])).toEqual([]);
  });

  it('closes the query and keeps no file when a batch fails', async () => {
    const { run, closed } = prepare(async function* () {
      yield [['1']];
      throw new Error('connection lost');
    });
    for (const format of ['csv', 'jsonl', 'parquet']) await expect(run({ format })).rejects.toThrow('connection lost');
    expect(closed()).toBe(3);
  });

  it.each([
    [{ format: 'parquet', gzip: true }, 'input.gzip'],
    [{ fileName: '../etc/passwd' }, 'input.fileName'],
    [{ csv: { delimiter: 'x' } }, 'input.csv.delimiter'],
    [{ csv: { nulls: '"' } }, 'input.csv.nulls'],
    [{ expiresInMs: 1 }, 'input.expiresInMs'],
    [{ sql: 'select 1' }, 'input.sql'],
    [{ query: 'other' }, 'input.query'],
    [{ parameters: { since: 'x' } }, 'input.parameters.since'],
  ])('refuses %j', async (input, path) => {
    await expect(prepare(two).run(input)).rejects.toMatchObject({ errors: [expect.objectContaining({ path })] });
  });
});
