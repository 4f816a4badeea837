import type { BulkActionName, BulkActionResource, DryRun } from '../contract/bulk-actions.ts';
import type { DeadLetterGroup } from '../contract/dead-letters.ts';
import type { JobResource } from '../contract/job.ts';
import { pause } from '../shared/time.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type BulkFilter, type DeadLetterBulkFilter, type DeadLetterListFilter, formatFilter } from './filters.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import { createPageList, type PageList, type PageQuery, requestPages } from './pages.ts';
import { createPatience } from './patience.ts';

/** Begins an action in the background, or with `dryRun` only counts its jobs. */
export interface StartAction<Filter> {
  (filter: Filter, options?: CreateOptions & { dryRun?: false }): Promise<BulkActionResource>;
  (filter: Filter, options: { dryRun: true }): Promise<DryRun>;
}

export interface BulkWaitOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((action: BulkActionResource) => void) | undefined;
}

export interface BulkActionsClient {
  /** Acts on all jobs that the filter means; an empty one means every job. */
  create(action: BulkActionName, filter: BulkFilter, call?: CreateOptions): Promise<BulkActionResource>;
  /** How many jobs `create` would be for, up to 10,000. */
  count(action: BulkActionName, filter: BulkFilter, call?: CallOptions): Promise<number>;
  get(id: string, call?: CallOptions): Promise<BulkActionResource>;
  /** Newest first. */
  list(query?: PageQuery, call?: CallOptions): PageList<BulkActionResource>;
  /** @throws ACTION_FINISHED */
  abort(id: string, call?: CallOptions): Promise<BulkActionResource>;
  /** Waits until the action has finished, through a restart of the server too. */
  wait(id: string, options?: BulkWaitOptions): Promise<BulkActionResource>;
}

export interface DeadLettersClient {
  /** Failed jobs, newest first. */
  list(filter?: DeadLetterListFilter, call?: CallOptions): PageList<JobResource>;
  /** The kinds of failures, the one that was seen last first. */
  groups(filter?: DeadLetterListFilter, call?: CallOptions): PageList<DeadLetterGroup>;
  /** Runs failed jobs again; an empty filter means all of them. */
  retry: StartAction<DeadLetterBulkFilter>;
  /** Removes failed jobs for good; an empty filter means all of them. */
  discard: StartAction<DeadLetterBulkFilter>;
}

const POLL_MS = 500;
const GIVE_UP_AFTER_MS = 60_000;

export function createBulkActionsClient(connection: Connection): BulkActionsClient {
  const path = '/v1/bulk-actions';
  const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;
  const get = (id: string, call: CallOptions = {}) => connection.requestJson<BulkActionResource>(pathOf(id), call);
  return {
    create: (action, filter, { idempotencyKey, ...call } = {}) =>
      connection.requestJson(path, {
        ...call,
        method: 'POST',
        body: { action, filter: formatFilter(filter) },
        headers: formatKey({ idempotencyKey }),
      }),
    async count(action, filter, call = {}) {
      const body = { action, filter: formatFilter(filter), dryRun: true };
      return (await connection.requestJson<DryRun>(path, { ...call, method: 'POST', body })).matched;
    },
    get,
    list: (query, call) => requestPages(connection, path, { ...query }, call),
    abort: (id, call = {}) => connection.requestJson(`${pathOf(id)}/abort`, { ...call, method: 'POST' }),
    async wait(id, { signal, onProgress } = {}) {
      const patience = createPatience(connection, { giveUpAfterMs: GIVE_UP_AFTER_MS, signal });
      for (;;) {
        try {
          const action = await get(id, { signal, retries: 0 });
          patience.recordAnswer();
          onProgress?.(action);
          if (action.status !== 'running') return action;
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

export function createDeadLettersClient(connection: Connection): DeadLettersClient {
  const path = '/v1/dead-letters';
  const starting = (verb: string) =>
    ((filter, { dryRun, idempotencyKey, ...call }: CreateOptions & { dryRun?: boolean } = {}) =>
      connection.requestJson(`${path}/${verb}`, {
        ...call,
        method: 'POST',
        body: { filter: formatFilter(filter), dryRun },
        headers: formatKey({ idempotencyKey }),
      })) as StartAction<DeadLetterBulkFilter>;
  const listOf =
    <T>(extra: Record<string, string>) =>
    (filter: DeadLetterListFilter = {}, call: CallOptions = {}) =>
      createPageList<T>(
        (cursor) =>
          connection.requestJson(path, { ...call, query: { ...formatFilter({ ...filter, cursor }), ...extra } }),
        filter.cursor,
      );
  return {
    list: listOf<JobResource>({}),
    groups: listOf<DeadLetterGroup>({ groupBy: 'error' }),
    retry: starting('retry'),
    discard: starting('discard'),
  };
}
