import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type ConnectorPage, type ConnectorRun, defineConnector } from '../../define/connector.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { readBody } from '../http-body.ts';
import { toNetworkFailure } from '../http-failure.ts';
import { labelUrl } from '../web-url.ts';
import { jsonPathSchema, parseJson, readId, readObject, readPath } from './json-path.ts';
import { findNext, type Position, pagingSchema, positionSchema, toPageUrl } from './rest-paging.ts';
import { watchSilence } from './silence.ts';
import { callSource, sourceShape } from './source-request.ts';

const MIB = 1024 ** 2;

const parametersSchema = z.strictObject({
  ...sourceShape,
  paging: pagingSchema,
  recordsPath: jsonPathSchema.default('').meta({
    description: 'Where the array of records stands in an answer, e.g. `data.items`; default: it is the answer.',
  }),
  idPath: jsonPathSchema.min(1).default('id').meta({ description: 'Where the id stands in a record: text or number.' }),
  totalPath: jsonPathSchema
    .optional()
    .meta({ description: 'Where an answer says how many records there are in all, for the progress.' }),
  rateLimitPerSecond: z.number().min(0.001).max(1000).optional().meta({ description: 'Requests in a second at most.' }),
  maxPages: z.int().min(1).max(10_000_000).default(100_000).meta({ description: 'More pages are an error.' }),
  maxResponseBytes: z
    .int()
    .min(1)
    .max(64 * MIB)
    .default(16 * MIB),
});
type Run = ConnectorRun<z.output<typeof parametersSchema>>;

/** Reads an HTTP API that answers with JSON. */
export const restConnector = defineConnector({
  name: 'rest',
  description: 'An HTTP API that answers with JSON, page by page: by cursor, page, offset or Link header.',
  parameters: parametersSchema,
  pages: readPages,
});

async function* readPages(run: Run): AsyncGenerator<ConnectorPage> {
  const { parameters } = run;
  const { url: base, paging, rateLimitPerSecond = Number.POSITIVE_INFINITY } = parameters;
  let position = run.cursor === null ? null : parsePosition(run.cursor);
  let previous: string | undefined;
  for (let count = 0; count < parameters.maxPages; count += 1) {
    const notBeforeMs = performance.now() + 1000 / rateLimitPerSecond;
    const { page, next } = await readPage(toPageUrl(base, paging, position, run.pageSize), position, run);
    const seen = page.records.map(({ id }) => id).join('\n');
    if (seen !== '' && seen === previous) {
      throw new NonRetryableError(
        'two pages in a row hold the same records: does the server know the query parameter?',
      );
    }
    yield page;
    if (next === null) return;
    previous = seen;
    position = next;
    await wait(Math.max(0, notBeforeMs - performance.now()), undefined, { signal: run.signal });
  }
  throw new NonRetryableError(`there are more pages than maxPages allows (${parameters.maxPages})`);
}

function parsePosition(cursor: unknown): Position {
  const parsed = positionSchema.safeParse(cursor);
  if (parsed.success) return parsed.data;
  throw new NonRetryableError('the cursor is none of the connector "rest": { "at": … }');
}

async function readPage(
  url: string,
  position: Position | null,
  run: Run,
): Promise<{ page: ConnectorPage; next: Position | null }> {
  const { url: base, paging, recordsPath, idPath, totalPath } = run.parameters;
  const { body, link, finalUrl } = await readJson(url, run);
  const items = readPath(body, recordsPath);
  if (!Array.isArray(items)) {
    throw new NonRetryableError(`GET ${labelUrl(url)} answered no array at recordsPath "${recordsPath}"`);
  }
  const records = items.map((item) => ({ id: readId(item, idPath), data: readObject(item) }));
  const next = findNext(base, paging, position, { body, records: records.length, url: finalUrl, link });
  const total = totalPath === undefined ? undefined : readPath(body, totalPath);
  return { page: { records, cursor: next, ...(typeof total === 'number' ? { total } : {}) }, next };
}

async function readJson(url: string, run: Run): Promise<{ body: unknown; link: string | null; finalUrl: string }> {
  const subject = `GET ${labelUrl(url)}`;
  const silence = watchSilence(run.signal, run.parameters.timeoutMs);
  try {
    const response = await callSource(url, run, silence.signal);
    const bytes = await readBody(response, run.parameters.maxResponseBytes, silence.heard).catch((error: unknown) => {
      silence.signal.throwIfAborted();
      throw toNetworkFailure(subject, error);
    });
    return { body: parseBody(subject, bytes), link: response.headers.get('link'), finalUrl: response.url || url };
  } finally {
    silence.end();
  }
}

// Perhaps it was cut off, or comes from a proxy: another attempt may get the right one.
function parseBody(subject: string, bytes: Buffer): unknown {
  try {
    return parseJson(bytes.toString('utf8'));
  } catch (cause) {
    throw new Error(`${subject} answered no JSON (${bytes.byteLength} bytes)`, { cause });
  }
}
