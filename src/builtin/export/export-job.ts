import { defineJob } from '../../define/job.ts';
import { checkQuery } from '../../define/named.ts';
import { exportInputSchema, exportOutputSchema } from './export-schema.ts';

export const dataExport = defineJob({
  type: 'data:export',
  description:
    'Writes the rows of a named query to a file: CSV, JSON Lines or Parquet. The SQL belongs to the operator, never to the request.',
  input: exportInputSchema,
  checkInput: checkQuery,
  output: exportOutputSchema,
  examples: [
    { title: 'The jobs that failed, for a spreadsheet', input: { query: 'jobs', parameters: { status: 'failed' } } },
    {
      title: 'A query of your own, as compressed JSON Lines',
      input: { query: 'orders', parameters: { since: '2030-01-01' }, format: 'jsonl', gzip: true },
    },
    {
      title: 'Downloaded records as Parquet, kept for a day',
      input: { query: 'records', parameters: { collection: 'products' }, format: 'parquet', expiresInMs: 86_400_000 },
    },
  ],
  failures: [
    { when: 'the query is not known, or does not take the parameters', effect: 'fail' },
    { when: 'the query itself fails, e.g. divides by zero, or returns no columns or two of one name', effect: 'fail' },
    { when: 'a value has no place in a Parquet column: a time or number that is infinite or NaN', effect: 'fail' },
    { when: 'the database cannot be reached, or ends the connection', effect: 'retry' },
  ],
  repeats:
    'The export begins anew, with the rows of that moment, and replaces the file. A run that does not reach the end leaves no file.',
  timeoutMs: 3_600_000,
  concurrency: 2, // a long export must not take every thread
  isolation: 'thread',
  handlerFile: new URL('./run-export.ts', import.meta.url),
});
