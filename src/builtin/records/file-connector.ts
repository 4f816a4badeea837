import { z } from 'zod';
import { type ConnectorPage, type ConnectorRun, defineConnector, type SourceRecord } from '../../define/connector.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { toNetworkFailure } from '../http-failure.ts';
import { labelUrl } from '../web-url.ts';
import { readCsv, readJsonLines } from './file-lines.ts';
import { jsonPathSchema, readId } from './json-path.ts';
import { type Silence, watchSilence } from './silence.ts';
import { callSource, sourceShape } from './source-request.ts';

const parametersSchema = z.strictObject({
  ...sourceShape,
  format: z.enum(['csv', 'jsonl']),
  delimiter: z
    .enum([',', ';', '\t', '|'])
    .default(',')
    .meta({ description: 'For csv. The first line names the fields.' }),
  idPath: jsonPathSchema.min(1).default('id').meta({ description: 'The column, or where the id stands in a record.' }),
});
type Run = ConnectorRun<z.output<typeof parametersSchema>>;

/** How many records are stored, of which content. */
const cursorSchema = z.strictObject({ index: z.int().min(0), version: z.string().max(8000) });

/** Reads a file that a URL leads to, compressed with gzip or not. */
export const fileConnector = defineConnector({
  name: 'file',
  description:
    'A file of CSV or JSON Lines at a URL, also compressed with gzip. Reading goes on behind the last record that was stored, and begins anew where ETag or Last-Modified tell that the file has changed, or nothing.',
  parameters: parametersSchema,
  pages: readPages,
});

async function* readPages(run: Run): AsyncGenerator<ConnectorPage> {
  const { url, timeoutMs } = run.parameters;
  const silence = watchSilence(run.signal, timeoutMs);
  try {
    const response = await callSource(url, run, silence.signal);
    const version = readVersion(response);
    const start = findStart(run.cursor, version);
    let isAnew = start === 0 && run.cursor !== null;
    for await (const page of groupRecords(readRecords(response, run, silence), start, run.pageSize)) {
      const cursor = page.isLast ? null : { index: page.end, version };
      yield { records: page.records, cursor, ...(isAnew ? { isAnew } : {}) };
      isAnew = false;
    }
  } catch (error) {
    run.signal.throwIfAborted();
    silence.signal.throwIfAborted();
    throw error;
  } finally {
    silence.end();
  }
}

/** What tells one content from another; empty when the server says nothing. */
function readVersion({ headers }: Response): string {
  return headers.get('etag') ?? headers.get('last-modified') ?? '';
}

function findStart(cursor: unknown, version: string): number {
  if (cursor === null) return 0;
  const parsed = cursorSchema.safeParse(cursor);
  if (!parsed.success)
    throw new NonRetryableError('the cursor is none of the connector "file": { "index", "version" }');
  return version !== '' && parsed.data.version === version ? parsed.data.index : 0;
}

async function* readRecords(response: Response, run: Run, silence: Silence): AsyncGenerator<SourceRecord> {
  const { url, format, delimiter, idPath } = run.parameters;
  const content = readContent(`GET ${labelUrl(url)}`, response, silence);
  const records = format === 'csv' ? readCsv(content, delimiter) : readJsonLines(content);
  for await (const data of records) yield { id: readId(data, idPath), data };
}

async function* readContent(subject: string, response: Response, silence: Silence): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  try {
    for await (const chunk of response.body) {
      silence.pause(); // while records are stored, nobody listens to the server
      yield chunk;
      silence.heard();
    }
  } catch (error) {
    throw toNetworkFailure(subject, error);
  }
}

interface Group {
  records: SourceRecord[];
  /** How many records of the file are read with this group. */
  end: number;
  isLast: boolean;
}

/** Leaves out the first `start` records; there is always a last group, which may be empty. */
async function* groupRecords(
  records: AsyncIterable<SourceRecord>,
  start: number,
  size: number,
): AsyncGenerator<Group, void> {
  let group: SourceRecord[] = [];
  let index = 0;
  for await (const record of records) {
    if (index >= start) {
      if (group.length === size) {
        yield { records: group, end: index, isLast: false };
        group = [];
      }
      group.push(record);
    }
    index += 1;
  }
  yield { records: group, end: index, isLast: true };
}
