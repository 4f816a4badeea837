import type { BatchInput, BatchResource, CancelledBatch, CreatedBatch } from '../contract/batches.ts';
import { pause } from '../shared/time.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import { type PageList, type PageQuery, requestPages } from './pages.ts';
import { createPatience } from './patience.ts';

export interface BatchWaitOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((batch: BatchResource) => void) | undefined;
}

export interface BatchesClient {
  /** Makes a batch. Its `jobs` (at most 1,000) close it, unless `keepOpen`; without any, jobs join by `options.batchId`. */
  create(batch?: BatchInput, call?: CreateOptions): Promise<CreatedBatch>;
  get(id: string, call?: CallOptions): Promise<BatchResource>;
  /** Newest first. */
  list(query?: PageQuery, call?: CallOptions): PageList<BatchResource>;
  /** Says that no more jobs come: the batch ends with the last of them. */
  close(id: string, call?: CallOptions): Promise<BatchResource>;
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
  const get = (id: string, call: CallOptions = {}) => connection.requestJson<BatchResource>(pathOf(id), call);
  return {
    create: (batch = {}, { idempotencyKey, ...call } = {}) =>
      connection.requestJson(path, { ...call, method: 'POST', body: batch, headers: formatKey({ idempotencyKey }) }),
    get,
    list: (query, call) => requestPages(connection, path, { ...query }, call),
    close: (id, call = {}) => connection.requestJson(`${pathOf(id)}/close`, { ...call, method: 'POST' }),
    cancel: (id, { idempotencyKey, ...call } = {}) =>
      connection.requestJson(`${pathOf(id)}/cancel`, {
        ...call,
        method: 'POST',
        headers: formatKey({ idempotencyKey }),
      }),
    async wait(id, { signal, onProgress } = {}) {
      const patience = createPatience(connection, { giveUpAfterMs: GIVE_UP_AFTER_MS, signal });
      for (;;) {
        try {
          const batch = await get(id, { signal });
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
