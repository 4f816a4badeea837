import type { BulkAnswer, BulkLine } from '../contract/bulk.ts';
import type { JobOptionsInput } from '../contract/enqueue.ts';
import type { AttemptResource, JobEvent, LogLineResource } from '../contract/job.ts';
import type { StepResource } from '../contract/steps.ts';
import type { DeliveryResource } from '../contract/webhooks.ts';
import type { CallOptions, Connection } from './connection.ts';
import { type EventsOptions, streamEvents } from './events.ts';
import { formatListFilter, type JobListFilter } from './filters.ts';
import { type CreateOptions, formatKey } from './idempotency-key.ts';
import { formatLines, LINES_HEADERS } from './lines.ts';
import { createPageList, type PageList, type PageQuery, requestPages } from './pages.ts';
import type { CompletedJobOf, EnqueueOf, JobOf, JobTypes, TypeName } from './typed-jobs.ts';
import { type WaitOptions, waitForJob } from './wait.ts';

export interface HoldOptions extends CallOptions {
  /** Asks the server to answer when the job has ended, at the latest after so many seconds (0–60). */
  waitSeconds?: number | undefined;
}

export interface RunOptions extends Omit<WaitOptions, 'throwOnFailure'> {
  idempotencyKey?: string | undefined;
}

export interface CreateManyOptions extends CreateOptions {
  /** The batch of all jobs that name no other in their options. */
  batchId?: string | undefined;
}

export interface StreamOptions extends CreateManyOptions {
  /** Called with how many jobs have been given to the connection so far. */
  onSent?: ((sent: number) => void) | undefined;
}

export interface StepsQuery extends PageQuery {
  /** How many levels of nested pipelines to bring along, 1 (default) to 10: at most 2,000 steps in all. */
  depth?: number | undefined;
}

export interface JobsClient<Types extends JobTypes = JobTypes> {
  /**
   * Enqueues a job; it is committed when this resolves. With `waitSeconds` the answer may already be the ended job.
   * `deduplicated` says that it is an older job, which has the same `deduplicationKey` and had not ended.
   * @throws ValidationError, RateLimitedError, ConflictError (another call with the idempotency key is under way)
   */
  create<Type extends TypeName<Types>>(
    type: Type,
    input: Types[Type]['input'],
    options?: JobOptionsInput,
    call?: HoldOptions & CreateOptions,
  ): Promise<JobOf<Types, Type>>;
  /**
   * Enqueues a job and waits until it has ended. A signal that aborts, or `timeoutMs`, ends the waiting alone.
   * @returns its output
   * @throws as `create`; JobFailedError, JobCancelledError, JobExpiredError; WaitTimeoutError after `timeoutMs`
   */
  run<Type extends TypeName<Types>>(
    type: Type,
    input: Types[Type]['input'],
    options?: JobOptionsInput,
    wait?: RunOptions,
  ): Promise<Types[Type]['output']>;
  /** Enqueues up to 1,000 jobs; those that are accepted are committed when this resolves, the others are named. */
  createMany(jobs: readonly EnqueueOf<Types>[], call?: CreateManyOptions): Promise<BulkAnswer>;
  /**
   * Enqueues any number of jobs, in bounded memory: they are taken as fast as the server records them. With an `idempotencyKey`
   * the same stream may be sent again after it broke off; no job is doubled. Needs a platform that streams requests.
   * @param jobs jobs, or the JSON text of each
   * @throws STREAM_INTERRUPTED; what was committed stays
   */
  createFromStream(jobs: AsyncIterable<BulkLine> | Iterable<BulkLine>, call?: StreamOptions): Promise<BulkAnswer>;
  /** @throws NotFoundError */
  get<Type extends TypeName<Types> = TypeName<Types>>(id: string, hold?: HoldOptions): Promise<JobOf<Types, Type>>;
  /**
   * Waits until the job has ended, through a restart of the server too.
   * @throws WaitTimeoutError after `timeoutMs` (default: never); with `throwOnFailure` also JobFailedError,
   * JobCancelledError and JobExpiredError
   */
  wait<Type extends TypeName<Types> = TypeName<Types>>(
    id: string,
    options: WaitOptions & { throwOnFailure: true },
  ): Promise<CompletedJobOf<Types, Type>>;
  wait<Type extends TypeName<Types> = TypeName<Types>>(id: string, options?: WaitOptions): Promise<JobOf<Types, Type>>;
  /** Jobs that match, newest first: a page of them, or all in a `for await`. */
  list<Type extends TypeName<Types> = TypeName<Types>>(
    filter?: JobListFilter & { type?: Type | undefined },
    call?: CallOptions,
  ): PageList<JobOf<Types, Type>>;
  /** @throws ConflictError (JOB_TERMINAL) when the job has already ended */
  cancel(id: string, call?: CallOptions): Promise<JobOf<Types>>;
  /**
   * Runs a job that failed, was cancelled or expired again, under its id.
   * @param edit its new input, where it shall have one
   * @throws ConflictError (JOB_NOT_RETRYABLE); ValidationError for a new input
   */
  retry(id: string, edit?: { input?: unknown }, call?: CallOptions): Promise<JobOf<Types>>;
  logs(id: string, query?: PageQuery, call?: CallOptions): PageList<LogLineResource>;
  /** What a pipeline waits for, and has waited for, in the order of its calls. */
  steps(id: string, query?: StepsQuery, call?: CallOptions): PageList<StepResource>;
  /**
   * Tells a pipeline something that it waits for, now or later.
   * @param payload any JSON; default null
   * @returns the pipeline
   * @throws ConflictError (JOB_TERMINAL) when it has ended; ValidationError for a job that is no pipeline
   */
  sendEvent(id: string, name: string, payload?: unknown, call?: CreateOptions): Promise<JobOf<Types>>;
  attempts(id: string, query?: PageQuery, call?: CallOptions): PageList<AttemptResource>;
  webhooks(id: string, query?: PageQuery, call?: CallOptions): PageList<DeliveryResource>;
  /** The job's events until it has ended; see {@link streamEvents}. */
  events(id: string, options?: EventsOptions): AsyncGenerator<JobEvent, void, undefined>;
}

/** A stream takes as long as its jobs do: by then it is given up. */
const STREAM_MS = 12 * 3_600_000;

export function createJobsClient(connection: Connection): JobsClient {
  const listOf =
    <T, Query extends PageQuery>(part: string) =>
    (id: string, query?: Query, call?: CallOptions) =>
      requestPages<T>(connection, `${pathOf(id)}/${part}`, { ...query }, call);
  const create: JobsClient['create'] = (type, input, options, { idempotencyKey, waitSeconds, ...call } = {}) =>
    connection.requestJson('/v1/jobs', {
      ...call,
      method: 'POST',
      body: { type, input, ...(options ? { options } : {}) },
      headers: {
        ...formatKey({ idempotencyKey }),
        ...(waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` }),
      },
      heldMs: (waitSeconds ?? 0) * 1000,
    });

  return {
    create,
    async run(type, input, options, { idempotencyKey, timeoutMs, signal } = {}) {
      const { id } = await create(type, input, options, { idempotencyKey, signal });
      return (await waitForJob(connection, pathOf(id), { timeoutMs, signal, throwOnFailure: true })).output;
    },
    createMany: (jobs, { batchId, idempotencyKey, ...call } = {}) =>
      connection.requestJson('/v1/jobs/bulk', {
        ...call,
        method: 'POST',
        body: { jobs, ...(batchId === undefined ? {} : { batchId }) },
        headers: formatKey({ idempotencyKey }),
      }),
    createFromStream: (jobs, { batchId, onSent, idempotencyKey, ...call } = {}) =>
      connection.requestJson('/v1/jobs/bulk', {
        ...call,
        method: 'POST',
        query: { batchId },
        content: formatLines(jobs, onSent),
        headers: { ...formatKey({ idempotencyKey }), ...LINES_HEADERS },
        heldMs: STREAM_MS,
        retries: 0, // what was read from the stream is gone
      }),
    get: (id, { waitSeconds, ...call } = {}) =>
      connection.requestJson(pathOf(id), {
        ...call,
        query: { wait: waitSeconds },
        heldMs: (waitSeconds ?? 0) * 1000,
      }),
    wait: (id: string, options?: WaitOptions) => waitForJob(connection, pathOf(id), options) as Promise<never>,
    // Which types there are is known to the compiler alone.
    list: (filter: JobListFilter = {}, call: CallOptions = {}) =>
      createPageList<never>(
        (cursor) => connection.requestJson('/v1/jobs', { ...call, query: formatListFilter({ ...filter, cursor }) }),
        filter.cursor,
      ),
    cancel: (id, call = {}) => connection.requestJson(`${pathOf(id)}/cancel`, { ...call, method: 'POST' }),
    retry: (id, edit = {}, call = {}) =>
      connection.requestJson(`${pathOf(id)}/retry`, { ...call, method: 'POST', body: edit }),
    logs: listOf<LogLineResource, PageQuery>('logs'),
    steps: listOf<StepResource, StepsQuery>('steps'),
    sendEvent: (id, name, payload = null, { idempotencyKey, ...call } = {}) =>
      connection.requestJson(`${pathOf(id)}/events/${encodeURIComponent(name)}`, {
        ...call,
        method: 'POST',
        body: payload,
        headers: formatKey({ idempotencyKey }),
      }),
    attempts: listOf<AttemptResource, PageQuery>('attempts'),
    webhooks: listOf<DeliveryResource, PageQuery>('webhooks'),
    events: (id, options) => streamEvents(connection, id, options),
  };
}

function pathOf(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}
