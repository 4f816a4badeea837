import { setImmediate } from 'node:timers/promises';
import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import type { OpenedQuery, QueryColumn, QueryRow } from '../../define/queries.ts';
import { createCsv } from './csv.ts';
import type { ExportInput, ExportOutput, Format } from './export-schema.ts';
import { createJsonLines } from './json-lines.ts';
import { type TextFormat, writeText } from './text-file.ts';

const contentTypes: Readonly<Record<Format | 'gzip', string>> = {
  csv: 'text/csv; charset=utf-8',
  jsonl: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
  gzip: 'application/gzip',
};

export async function run(input: ExportInput, ctx: JobContext): Promise<ExportOutput> {
  const startedAt = performance.now();
  const { query: name, parameters, format, gzip, expiresInMs } = input;
  ctx.progress(0, `asking for ${name}`);
  const query = await ctx.services.queries.open({
    query: name,
    parameters,
    tenant: ctx.job.tenant,
    signal: ctx.signal,
  });
  try {
    checkColumns(query.columns);
    const counter = createCounter(query, ctx);
    const fileName = input.fileName ?? `${name}.${format}${gzip ? '.gz' : ''}`;
    const contentType = contentTypes[gzip ? 'gzip' : format];
    const { key, url, bytes } = await ctx.files.create(
      fileName,
      (path) => writeRows(path, query.columns, counter.pass(), input, ctx.signal),
      { contentType, expiresInMs },
    );
    const rows = counter.rows();
    const durationMs = Math.round(performance.now() - startedAt);
    ctx.progress(100, `${rows} rows, ${bytes} bytes`);
    ctx.log.info(`exported ${rows} rows of ${name} to ${key}`, { rows, bytes, durationMs });
    return {
      file: { key, url, bytes },
      format,
      rows,
      columns: query.columns.map((column) => ({ name: column.name, type: column.sqlType })),
      durationMs,
      expiresAt: new Date(Date.now() + expiresInMs).toISOString(),
    };
  } finally {
    await query.close();
  }
}

async function writeRows(
  path: string,
  columns: readonly QueryColumn[],
  batches: AsyncIterable<readonly QueryRow[]>,
  { format, gzip, csv }: ExportInput,
  signal: AbortSignal,
): Promise<void> {
  if (format === 'parquet') {
    const { writeParquet } = await import('./parquet.ts');
    return writeParquet(path, columns, batches);
  }
  const text: TextFormat = format === 'csv' ? createCsv(columns, csv) : createJsonLines(columns);
  await writeText(path, text, batches, { gzip, signal });
}

function checkColumns(columns: readonly QueryColumn[]): void {
  if (columns.length === 0) throw new NonRetryableError('the query returns no columns');
  const names = columns.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new NonRetryableError(`the query returns two columns "${twice}": give each a name of its own with "as"`);
}

/** Counts rows on their way, reports them, and lets others use the event loop between batches. */
function createCounter(query: OpenedQuery, ctx: JobContext) {
  let rows = 0;
  return {
    rows: () => rows,
    async *pass(): AsyncGenerator<readonly QueryRow[], void> {
      for await (const batch of query.batches()) {
        yield batch;
        rows += batch.length;
        // The estimate may be too low: 99 % is as far as it gets before the end.
        const percent = Math.min(99, Math.floor((rows / Math.max(rows, query.estimatedRows, 1)) * 100));
        ctx.progress(percent, `${rows} rows`);
        await setImmediate();
      }
    },
  };
}
