import type { BatchInput, BatchResource, CancelledBatch, CreatedBatch } from '../contract/batches.ts';
import type { Page } from '../contract/list.ts';
import { pause } from '../shared/time.ts';
import type { Connection } from './connection.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import { iteratePages, type PageQuery } from './pages.ts';
import { createPatience } from './patience.ts';

export interface BatchWaitOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((batch: BatchResource) => void) | undefined;
}

export interface BatchesClient {
  /** Makes a batch. Its `jobs` (at most 1,000) close it, unless `keepOpen`; without any, jobs join by `options.batchId`. */
  create(batch?: BatchInput, call?: CreateOptions): Promise<CreatedBatch>;
  get(id: string): Promise<BatchResource>;
  /** One page, newest first. */
  list(query?: PageQuery): Promise<Page<BatchResource>>;
  /** Every batch, page by page. */
  listAll(query?: PageQuery): AsyncGenerator<BatchResource, void, undefined>;
  /** Says that no more jobs come: the batch ends with the last of them. */
  close(id: string): Promise<BatchResource>;
  /** Closes it and cancels what has not ended, in the background. */
  cancel(id: string, call?: CreateOptions): Promise<CancelledBatch>;
  /** Waits until all jobs of a closed batch have ended, through a restart of the server too. */
  wait(id: string, options?: BatchWaitOptions): Promise<BatchResource>;
}

const POLL_MS = 500;
const GIVE_UP_AFTER_MS = 60_000;

export function createBatchesClient(connection: Connection): BatchesClient {
  const path = '/v1/batches';
  const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;
  const get = (id: string, signal?: AbortSignal) => connection.requestJson<BatchResource>(pathOf(id), { signal });
  const list = (query: PageQuery = {}) => connection.requestJson<Page<BatchResource>>(path, { query: { ...query } });
  return {
    create: (batch = {}, call = {}) =>
      connection.requestJson(path, { method: 'POST', body: batch, headers: formatKey(call), signal: call.signal }),
    get: (id) => get(id),
    list,
    listAll: (query = {}) => iteratePages((cursor) => list({ ...query, cursor }), query.cursor),
    close: (id) => connection.requestJson(`${pathOf(id)}/close`, { method: 'POST' }),
    cancel: (id, call = {}) =>
      connection.requestJson(`${pathOf(id)}/cancel`, { method: 'POST', headers: formatKey(call), signal: call.signal }),
    async wait(id, { signal, onProgress } = {}) {
      const patience = createPatience(connection, { giveUpAfterMs: GIVE_UP_AFTER_MS, signal });
      for (;;) {
        try {
          const batch = await get(id, signal);
          patience.recordAnswer();
          onProgress?.(batch);
          if (batch.status === 'completed') return batch;
          await pause(POLL_MS, signal);
        } catch (error) {
          signal?.throwIfAborted();
          await patience.endure(error);
        }
        signal?.throwIfAborted();
      }
    },
  };
}
