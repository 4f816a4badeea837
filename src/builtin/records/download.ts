import type { ConnectorDefinition, ConnectorPage } from '../../define/connector.ts';
import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import type { SavedPage } from '../../define/records.ts';
import type { DownloadInput, DownloadOutput } from './download-schema.ts';
import { addPage, beginState, type DownloadState, readState } from './download-state.ts';

const DELETE_BATCH = 1000;
const nothing: SavedPage = { inserted: 0, updated: 0, unchanged: 0, restored: 0, repeated: 0 };

export async function download(input: DownloadInput, ctx: JobContext): Promise<DownloadOutput> {
  const startedAt = performance.now();
  const { connector, parameters } = await ctx.services.connectors.resolve(input.connector, input.parameters);
  const begun = await begin(input, ctx);
  const read = begun.isComplete ? begun : await readPages(begun, connector, parameters, input, ctx);
  const { stats, snapshotId, cursor } = input.mode === 'full' ? await markUnseen(read, input, ctx) : read;
  ctx.progress(100, `${stats.seen} records of ${input.collection}`);
  ctx.log.info(`downloaded ${input.collection}`, { ...stats, snapshotId });
  const durationMs = Math.round(performance.now() - startedAt);
  return { collection: input.collection, snapshotId, ...stats, cursor, durationMs };
}

/** Goes on with the snapshot of an earlier attempt, or keeps the id of a new one before anything is stored under it. */
async function begin(input: DownloadInput, ctx: JobContext): Promise<DownloadState> {
  const kept = readState(ctx.lastCheckpoint, input);
  if (kept) {
    ctx.log.info(`goes on after ${kept.stats.pages} pages`, { snapshotId: kept.snapshotId });
    return kept;
  }
  const begun = await beginAnew(input, ctx);
  await ctx.checkpoint(begun);
  return begun;
}

async function beginAnew(input: DownloadInput, ctx: JobContext): Promise<DownloadState> {
  const { collection } = input;
  return beginState(input, await ctx.services.records.beginSnapshot({ tenant: ctx.job.tenant, collection }));
}

async function readPages(
  begun: DownloadState,
  connector: ConnectorDefinition,
  parameters: unknown,
  input: DownloadInput,
  ctx: JobContext,
): Promise<DownloadState> {
  const { fetch, connectors } = ctx.services;
  const { signal, log } = ctx;
  const { pageSize } = input;
  const { cursor } = begun;
  const run = { parameters, cursor, pageSize, fetch, secret: connectors.secret, signal, log, tenant: ctx.job.tenant };
  let state = begun;
  for await (const page of connector.pages(run)) {
    signal.throwIfAborted();
    if (page.isAnew && state.stats.pages > 0) {
      ctx.log.warn('the source has changed since the last attempt: the download begins anew');
      state = await beginAnew(input, ctx);
    }
    state = addPage(state, page, await savePage(state, page, input, ctx));
    await ctx.checkpoint(state);
    reportPage(state, page, ctx);
    if (state.isComplete) return state;
  }
  return { ...state, isComplete: true }; // a generator that ends has given its last page
}

async function savePage(
  { snapshotId }: DownloadState,
  { records }: ConnectorPage,
  { collection }: DownloadInput,
  ctx: JobContext,
): Promise<SavedPage> {
  if (records.length === 0) return nothing;
  return ctx.services.records.savePage({ tenant: ctx.job.tenant, collection, snapshotId, records });
}

function reportPage({ stats }: DownloadState, { total }: ConnectorPage, ctx: JobContext): void {
  const percent = total === undefined ? 0 : Math.min(99, Math.floor((stats.seen / Math.max(total, 1)) * 100));
  const ofAll = total === undefined ? '' : ` of ${total}`;
  ctx.progress(percent, `${stats.pages} pages, ${stats.seen}${ofAll} records`);
}

/** What a whole snapshot has not seen is not there any more. */
async function markUnseen(read: DownloadState, input: DownloadInput, ctx: JobContext): Promise<DownloadState> {
  const { records } = ctx.services;
  const { collection, allowEmpty } = input;
  const snapshot = { tenant: ctx.job.tenant, collection, snapshotId: read.snapshotId };
  if (read.stats.seen === 0 && !allowEmpty && (await records.isFilled(snapshot))) {
    throw new NonRetryableError(
      `the connector gave no record, but "${collection}" holds some: nothing was deleted (allowEmpty allows it)`,
    );
  }
  for (let state = read; ; ) {
    ctx.signal.throwIfAborted();
    const marked = await records.markUnseen(snapshot, { limit: DELETE_BATCH });
    state = { ...state, isComplete: true, stats: { ...state.stats, deleted: state.stats.deleted + marked } };
    if (marked > 0) await ctx.checkpoint(state);
    if (marked < DELETE_BATCH) return state;
    ctx.progress(99, `${state.stats.deleted} records are not there any more`);
  }
}
