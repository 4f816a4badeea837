import type { BulkAnswer } from '../contract/bulk.ts';
import type { EnqueueInput, JobOptionsInput } from '../contract/enqueue.ts';
import type { AttemptResource, JobEvent, JobResource, LogLineResource } from '../contract/job.ts';
import type { Page } from '../contract/list.ts';
import type { StepResource } from '../contract/steps.ts';
import type { DeliveryResource } from '../contract/webhooks.ts';
import type { Connection } from './connection.ts';
import { type EventsOptions, streamEvents } from './events.ts';
import { formatListFilter, type JobListFilter } from './filters.ts';
import { iteratePages, type PageQuery } from './pages.ts';
import { type WaitOptions, waitForJob } from './wait.ts';

export interface HoldOptions {
  /** Asks the server to answer when the job has ended, at the latest after so many seconds (0–60). */
  waitSeconds?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface CreateOptions {
  /** 1 to 255 visible ASCII characters: a call that is repeated with it within 24 h has no second effect. */
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface StepsQuery extends PageQuery {
  /** How many levels of nested pipelines to bring along, 1 (default) to 10: at most 2,000 steps in all. */
  depth?: number | undefined;
}

export interface JobsClient {
  /**
   * Enqueues a job; it is committed when this resolves. With `waitSeconds` the answer may already be the ended job.
   * `deduplicated` says that it is an older job, which has the same `deduplicationKey` and had not ended.
   * @throws IDEMPOTENCY_IN_FLIGHT, IDEMPOTENCY_KEY_REUSED
   */
  create(
    type: string,
    input: unknown,
    options?: JobOptionsInput,
    call?: HoldOptions & CreateOptions,
  ): Promise<JobResource>;
  /** Enqueues up to 1,000 jobs; those that are accepted are committed when this resolves, the others are named. */
  createMany(jobs: readonly EnqueueInput[], call?: CreateOptions): Promise<BulkAnswer>;
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
  /**
   * Runs a job that failed, was cancelled or expired again, under its id.
   * @param edit its new input, where it shall have one
   * @throws JOB_NOT_RETRYABLE; UNKNOWN_TYPE and INVALID_FIELDS for a new input
   */
  retry(id: string, edit?: { input?: unknown }): Promise<JobResource>;
  logs(id: string, query?: PageQuery): Promise<Page<LogLineResource>>;
  /** What a pipeline waits for, and has waited for, in the order of its calls. */
  steps(id: string, query?: StepsQuery & { signal?: AbortSignal | undefined }): Promise<Page<StepResource>>;
  /**
   * Tells a pipeline something that it waits for, now or later.
   * @param payload any JSON; default null
   * @returns the pipeline
   * @throws JOB_TERMINAL when it has ended; INVALID_FIELDS for a job that is no pipeline
   */
  sendEvent(id: string, name: string, payload?: unknown, call?: CreateOptions): Promise<JobResource>;
  attempts(id: string, query?: PageQuery): Promise<Page<AttemptResource>>;
  webhooks(id: string, query?: PageQuery): Promise<Page<DeliveryResource>>;
  /** The job's events until it has ended; see {@link streamEvents}. */
  events(id: string, options?: EventsOptions): AsyncGenerator<JobEvent, void, undefined>;
}

export function createJobsClient(connection: Connection): JobsClient {
  const list = (filter: JobListFilter = {}) =>
    connection.requestJson<Page<JobResource>>('/v1/jobs', { query: formatListFilter(filter) });
  const listOf =
    <T>(part: string) =>
    (id: string, query: PageQuery = {}) =>
      connection.requestJson<Page<T>>(`${pathOf(id)}/${part}`, { query: { ...query } });

  return {
    create: (type, input, options, call = {}) =>
      connection.requestJson('/v1/jobs', {
        method: 'POST',
        body: { type, input, ...(options ? { options } : {}) },
        headers: {
          ...formatKey(call),
          ...(call.waitSeconds === undefined ? {} : { prefer: `wait=${call.waitSeconds}` }),
        },
        heldMs: (call.waitSeconds ?? 0) * 1000,
        signal: call.signal,
      }),
    createMany: (jobs, call = {}) =>
      connection.requestJson('/v1/jobs/bulk', {
        method: 'POST',
        body: { jobs },
        headers: formatKey(call),
        signal: call.signal,
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
    retry: (id, edit = {}) => connection.requestJson(`${pathOf(id)}/retry`, { method: 'POST', body: edit }),
    logs: listOf<LogLineResource>('logs'),
    steps: (id, { signal, ...query } = {}) =>
      connection.requestJson(`${pathOf(id)}/steps`, { query: { ...query }, signal }),
    sendEvent: (id, name, payload = null, call = {}) =>
      connection.requestJson(`${pathOf(id)}/events/${encodeURIComponent(name)}`, {
        method: 'POST',
        body: payload,
        headers: formatKey(call),
        signal: call.signal,
      }),
    attempts: listOf<AttemptResource>('attempts'),
    webhooks: listOf<DeliveryResource>('webhooks'),
    events: (id, options) => streamEvents(connection, id, options),
  };
}

function pathOf(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

export function formatKey({ idempotencyKey }: CreateOptions): Record<string, string> {
  return idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
}
