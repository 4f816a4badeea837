import type { BulkActionName, BulkActionResource, DryRun } from '../contract/bulk-actions.ts';
import type { DeadLetterGroup } from '../contract/dead-letters.ts';
import type { JobResource } from '../contract/job.ts';
import type { Page } from '../contract/list.ts';
import { pause } from '../shared/time.ts';
import type { Connection } from './connection.ts';
import { type BulkFilter, type DeadLetterBulkFilter, type DeadLetterListFilter, formatFilter } from './filters.ts';
import { type CreateOptions, formatKey } from './jobs.ts';
import type { PageQuery } from './pages.ts';
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
  /** How many jobs `create` would be for. */
  count(action: BulkActionName, filter: BulkFilter): Promise<number>;
  get(id: string): Promise<BulkActionResource>;
  /** One page, newest first. */
  list(query?: PageQuery): Promise<Page<BulkActionResource>>;
  /** @throws ACTION_FINISHED */
  abort(id: string): Promise<BulkActionResource>;
  /** Waits until the action has finished, through a restart of the server too. */
  wait(id: string, options?: BulkWaitOptions): Promise<BulkActionResource>;
}

export interface DeadLettersClient {
  /** One page of failed jobs, newest first. */
  list(filter?: DeadLetterListFilter): Promise<Page<JobResource>>;
  /** One page of the kinds of failures, the one that was seen last first. */
  groups(filter?: DeadLetterListFilter): Promise<Page<DeadLetterGroup>>;
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
  const get = (id: string, signal?: AbortSignal) => connection.requestJson<BulkActionResource>(pathOf(id), { signal });
  return {
    create: (action, filter, call = {}) =>
      connection.requestJson(path, {
        method: 'POST',
        body: { action, filter: formatFilter(filter) },
        headers: formatKey(call),
        signal: call.signal,
      }),
    async count(action, filter) {
      const body = { action, filter: formatFilter(filter), dryRun: true };
      return (await connection.requestJson<DryRun>(path, { method: 'POST', body })).matched;
    },
    get: (id) => get(id),
    list: (query = {}) => connection.requestJson(path, { query: { ...query } }),
    abort: (id) => connection.requestJson(`${pathOf(id)}/abort`, { method: 'POST' }),
    async wait(id, { signal, onProgress } = {}) {
      const patience = createPatience(connection, { giveUpAfterMs: GIVE_UP_AFTER_MS, signal });
      for (;;) {
        try {
          const action = await get(id, signal);
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
    ((filter, { dryRun, ...call }: CreateOptions & { dryRun?: boolean } = {}) =>
      connection.requestJson(`${path}/${verb}`, {
        method: 'POST',
        body: { filter: formatFilter(filter), dryRun },
        headers: formatKey(call),
        signal: call.signal,
      })) as StartAction<DeadLetterBulkFilter>;
  return {
    list: (filter = {}) => connection.requestJson(path, { query: formatFilter(filter) }),
    groups: (filter = {}) => connection.requestJson(path, { query: { ...formatFilter(filter), groupBy: 'error' } }),
    retry: starting('retry'),
    discard: starting('discard'),
  };
}
