import type { JobOptionsInput } from '../contract/enqueue.ts';
import type {
  AttemptResource,
  DeliveryResource,
  JobEvent,
  JobResource,
  JobStatus,
  LogLineResource,
} from '../contract/job.ts';
import type { Page } from '../contract/list.ts';
import type { Connection } from './connection.ts';
import { type EventsOptions, streamEvents } from './events.ts';
import { iteratePages, type PageQuery } from './pages.ts';
import { type WaitOptions, waitForJob } from './wait.ts';

export interface JobListFilter extends PageQuery {
  status?: JobStatus | readonly JobStatus[] | undefined;
  type?: string | undefined;
  queue?: string | undefined;
  tenant?: string | undefined;
}

export interface HoldOptions {
  /** Asks the server to answer when the job has ended, at the latest after so many seconds (0–60). */
  waitSeconds?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface JobsClient {
  /** Enqueues a job; it is committed when this resolves. With `waitSeconds` the answer may already be the ended job. */
  create(type: string, input: unknown, options?: JobOptionsInput, hold?: HoldOptions): Promise<JobResource>;
  get(id: string, hold?: HoldOptions): Promise<JobResource>;
  /**
   * Waits until the job has ended, through a restart of the server too.
   * @throws WaitTimeoutError after `timeoutMs` (default: never)
   */
  wait(id: string, options?: WaitOptions): Promise<JobResource>;
  /** One page, newest first. */
  list(filter?: JobListFilter): Promise<Page<JobResource>>;
  /** Every job that matches, page by page. */
  listAll(filter?: JobListFilter): AsyncGenerator<JobResource, void, undefined>;
  /** @throws JOB_TERMINAL when the job has already ended */
  cancel(id: string): Promise<JobResource>;
  logs(id: string, query?: PageQuery): Promise<Page<LogLineResource>>;
  attempts(id: string, query?: PageQuery): Promise<Page<AttemptResource>>;
  webhooks(id: string, query?: PageQuery): Promise<Page<DeliveryResource>>;
  /** The job's events until it has ended; see {@link streamEvents}. */
  events(id: string, options?: EventsOptions): AsyncGenerator<JobEvent, void, undefined>;
}

export function createJobsClient(connection: Connection): JobsClient {
  const list = (filter: JobListFilter = {}) =>
    connection.requestJson<Page<JobResource>>('/v1/jobs', { query: formatFilter(filter) });
  const listOf =
    <T>(part: string) =>
    (id: string, query: PageQuery = {}) =>
      connection.requestJson<Page<T>>(`${pathOf(id)}/${part}`, { query: { ...query } });

  return {
    create: (type, input, options, hold = {}) =>
      connection.requestJson('/v1/jobs', {
        method: 'POST',
        body: { type, input, ...(options ? { options } : {}) },
        headers: hold.waitSeconds === undefined ? {} : { prefer: `wait=${hold.waitSeconds}` },
        heldMs: (hold.waitSeconds ?? 0) * 1000,
        signal: hold.signal,
      }),
    get: (id, hold = {}) =>
      connection.requestJson(pathOf(id), {
        query: { wait: hold.waitSeconds },
        heldMs: (hold.waitSeconds ?? 0) * 1000,
        signal: hold.signal,
      }),
    wait: (id, options) => waitForJob(connection, pathOf(id), options),
    list,
    listAll: (filter = {}) => iteratePages((cursor) => list({ ...filter, cursor }), filter.cursor),
    cancel: (id) => connection.requestJson(`${pathOf(id)}/cancel`, { method: 'POST' }),
    logs: listOf<LogLineResource>('logs'),
    attempts: listOf<AttemptResource>('attempts'),
    webhooks: listOf<DeliveryResource>('webhooks'),
    events: (id, options) => streamEvents(connection, id, options),
  };
}

function pathOf(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

function formatFilter({ status, ...rest }: JobListFilter): Record<string, string | number | undefined> {
  return { ...rest, status: typeof status === 'object' ? status.join(',') : status };
}
