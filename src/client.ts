/** The typed HTTP client, for Node.js, browsers and edge runtimes: `import { createClient } from 'longshore/client'`. */
import { type AiUsageClient, createAiUsageClient } from './client/ai-usage.ts';
import { type ApiKeysClient, createApiKeysClient } from './client/api-keys.ts';
import { type AuditClient, createAuditClient } from './client/audit.ts';
import { type BatchesClient, createBatchesClient } from './client/batches.ts';
import {
  type BulkActionsClient,
  createBulkActionsClient,
  createDeadLettersClient,
  type DeadLettersClient,
} from './client/bulk-actions.ts';
import { type ClientOptions, connect } from './client/connection.ts';
import { createFilesClient, type FilesClient } from './client/files.ts';
import { createJobsClient, type JobsClient } from './client/jobs.ts';
import { createNotificationsClient, type NotificationsClient } from './client/notifications.ts';
import { createProgramClient, type ProgramClient } from './client/program.ts';
import { createQueuesClient, type QueuesClient } from './client/queues.ts';
import { createSchedulesClient, type SchedulesClient } from './client/schedules.ts';
import { createTenantsClient, type TenantsClient } from './client/tenants.ts';
import type { JobTypes, JobTypesOf } from './client/typed-jobs.ts';
import { createWebhooksClient, type WebhooksClient } from './client/webhooks.ts';
import { createWorkersClient, type WorkersClient } from './client/workers.ts';

export type { AiUsageClient, AiUsageQuery } from './client/ai-usage.ts';
export type { ApiKeysClient } from './client/api-keys.ts';
export type { AuditClient, AuditQuery } from './client/audit.ts';
export type { BatchesClient, BatchWaitOptions } from './client/batches.ts';
export type { BulkActionsClient, BulkWaitOptions, DeadLettersClient, StartAction } from './client/bulk-actions.ts';
export type { CallOptions, ClientOptions } from './client/connection.ts';
export {
  AnswerError,
  ConflictError,
  ForbiddenError,
  LongshoreError,
  type LongshoreErrorCode,
  NotFoundError,
  RateLimitedError,
  ServerUnreachableError,
  TimeoutError,
  UnauthorizedError,
  ValidationError,
  WaitTimeoutError,
} from './client/errors.ts';
export type { EventsOptions } from './client/events.ts';
export type { FilesClient, ReadOptions, UploadContent, UploadOptions } from './client/files.ts';
export type {
  BulkFilter,
  DeadLetterBulkFilter,
  DeadLetterFilter,
  DeadLetterListFilter,
  JobListFilter,
} from './client/filters.ts';
export type { CreateOptions } from './client/idempotency-key.ts';
export { JobCancelledError, JobEndedError, JobExpiredError, JobFailedError } from './client/job-errors.ts';
export type {
  CreateManyOptions,
  HoldOptions,
  JobsClient,
  RunOptions,
  StepsQuery,
  StreamOptions,
} from './client/jobs.ts';
export type { NotificationsClient, NotificationsQuery } from './client/notifications.ts';
export { collectPages, iteratePages, type PageList, type PageQuery } from './client/pages.ts';
export type { QueuesClient } from './client/queues.ts';
export type { SchedulesClient, SchedulesQuery } from './client/schedules.ts';
export type { TenantsClient } from './client/tenants.ts';
export type { CompletedJobOf, EnqueueOf, JobOf, JobTypes, JobTypesOf } from './client/typed-jobs.ts';
export type { WaitOptions } from './client/wait.ts';
export type { DeliveriesQuery, WebhooksClient } from './client/webhooks.ts';
export type { WorkersClient } from './client/workers.ts';
export {
  type ReceivedHeaders,
  type VerifyOptions,
  verifyWebhook,
  WebhookVerificationError,
} from './contract/verify-webhook.ts';
export type { BatchWebhookPayload, JobWebhookPayload, WebhookPayload } from './contract/webhook-payload.ts';

/** What `Types` says of jobs is checked by the compiler; {@link createClient} reads it from definitions. */
export interface Client<Types extends JobTypes = JobTypes> extends ProgramClient {
  readonly url: string;
  readonly jobs: JobsClient<Types>;
  readonly files: FilesClient;
  readonly notifications: NotificationsClient;
  readonly deadLetters: DeadLettersClient;
  readonly batches: BatchesClient;
  readonly bulkActions: BulkActionsClient;
  readonly queues: QueuesClient;
  readonly schedules: SchedulesClient;
  readonly webhooks: WebhooksClient;
  readonly workers: WorkersClient;
  readonly aiUsage: AiUsageClient;
  readonly apiKeys: ApiKeysClient;
  readonly tenants: TenantsClient;
  readonly audit: AuditClient;
}

/**
 * A client for one server. Its calls throw `AnswerError` when the server refuses and `ServerUnreachableError` when it
 * does not answer; both are a `LongshoreError`.
 *
 * @example
 * import type * as jobs from './jobs.ts';
 * const client = createClient<typeof jobs>({ url: 'http://127.0.0.1:3001' });
 * @throws TypeError when `url` is not an http or https URL
 */
export function createClient<Jobs = unknown>(options: ClientOptions): Client<JobTypesOf<Jobs>> {
  const connection = connect(options);
  const client: unknown = {
    url: connection.url,
    jobs: createJobsClient(connection),
    files: createFilesClient(connection),
    notifications: createNotificationsClient(connection),
    deadLetters: createDeadLettersClient(connection),
    batches: createBatchesClient(connection),
    bulkActions: createBulkActionsClient(connection),
    queues: createQueuesClient(connection),
    schedules: createSchedulesClient(connection),
    webhooks: createWebhooksClient(connection),
    workers: createWorkersClient(connection),
    aiUsage: createAiUsageClient(connection),
    apiKeys: createApiKeysClient(connection),
    tenants: createTenantsClient(connection),
    audit: createAuditClient(connection),
    ...createProgramClient(connection),
  } satisfies Client;
  return client as Client<JobTypesOf<Jobs>>; // which types there are is known to the compiler alone
}
