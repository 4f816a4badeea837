/** The typed HTTP client, for Node and browsers: `import { createClient } from 'longshore/client'`. */
import { type AiUsageClient, createAiUsageClient } from './client/ai-usage.ts';
import { type ApiKeysClient, createApiKeysClient } from './client/api-keys.ts';
import { type AuditClient, createAuditClient } from './client/audit.ts';
import {
  type BulkActionsClient,
  createBulkActionsClient,
  createDeadLettersClient,
  type DeadLettersClient,
} from './client/bulk-actions.ts';
import { type ClientOptions, type Connection, connect } from './client/connection.ts';
import { createFilesClient, type FilesClient } from './client/files.ts';
import { createJobsClient, type JobsClient } from './client/jobs.ts';
import { createNotificationsClient, type NotificationsClient } from './client/notifications.ts';
import type { PageQuery } from './client/pages.ts';
import { createSchedulesClient, type SchedulesClient } from './client/schedules.ts';
import { createTenantsClient, type TenantsClient } from './client/tenants.ts';
import type { Page } from './contract/list.ts';
import type { HealthResource, QueueResource, StatsResource, TypeResource } from './contract/program.ts';

export type { AiUsageClient, AiUsageQuery } from './client/ai-usage.ts';
export type { ApiKeysClient } from './client/api-keys.ts';
export type { AuditClient, AuditQuery } from './client/audit.ts';
export type { BulkActionsClient, BulkWaitOptions, DeadLettersClient, StartAction } from './client/bulk-actions.ts';
export type { ClientOptions } from './client/connection.ts';
export { type AnswerCode, LongshoreError, ServerUnreachableError, WaitTimeoutError } from './client/errors.ts';
export type { EventsOptions } from './client/events.ts';
export type { FilesClient, ReadOptions, UploadContent, UploadOptions } from './client/files.ts';
export type {
  BulkFilter,
  DeadLetterBulkFilter,
  DeadLetterFilter,
  DeadLetterListFilter,
  JobListFilter,
} from './client/filters.ts';
export type { CreateOptions, HoldOptions, JobsClient, StepsQuery } from './client/jobs.ts';
export type { NotificationsClient, NotificationsQuery } from './client/notifications.ts';
export { collectPages, iteratePages, type PageQuery } from './client/pages.ts';
export type { SchedulesClient, SchedulesQuery } from './client/schedules.ts';
export type { TenantsClient } from './client/tenants.ts';
export type { WaitOptions } from './client/wait.ts';

export interface QueuesClient {
  list(query?: PageQuery): Promise<Page<QueueResource>>;
  get(name: string): Promise<QueueResource>;
  /** Workers start no further job of the queue; running ones finish. */
  pause(name: string): Promise<QueueResource>;
  resume(name: string): Promise<QueueResource>;
}

export interface Client {
  readonly url: string;
  readonly jobs: JobsClient;
  readonly files: FilesClient;
  readonly notifications: NotificationsClient;
  readonly deadLetters: DeadLettersClient;
  readonly bulkActions: BulkActionsClient;
  readonly types: { list(query?: PageQuery): Promise<Page<TypeResource>> };
  readonly queues: QueuesClient;
  readonly schedules: SchedulesClient;
  readonly aiUsage: AiUsageClient;
  readonly apiKeys: ApiKeysClient;
  readonly tenants: TenantsClient;
  readonly audit: AuditClient;
  stats(): Promise<StatsResource>;
  /** Also when the program is degraded or stopping: then `status` says so. */
  health(): Promise<HealthResource>;
}

/**
 * A client for one server. Its calls throw `LongshoreError` when the server refuses and
 * `ServerUnreachableError` when it does not answer.
 * @throws TypeError when `url` is not an http or https URL
 */
export function createClient(options: ClientOptions): Client {
  const connection = connect(options);
  return {
    url: connection.url,
    jobs: createJobsClient(connection),
    files: createFilesClient(connection),
    notifications: createNotificationsClient(connection),
    deadLetters: createDeadLettersClient(connection),
    bulkActions: createBulkActionsClient(connection),
    types: { list: (query = {}) => connection.requestJson('/v1/types', { query: { ...query } }) },
    queues: createQueuesClient(connection),
    schedules: createSchedulesClient(connection),
    aiUsage: createAiUsageClient(connection),
    apiKeys: createApiKeysClient(connection),
    tenants: createTenantsClient(connection),
    audit: createAuditClient(connection),
    stats: () => connection.requestJson('/v1/stats'),
    health: () => connection.requestJson('/health', { acceptStatus: 503 }),
  };
}

function createQueuesClient(connection: Connection): QueuesClient {
  const pathOf = (name: string) => `/v1/queues/${encodeURIComponent(name)}`;
  return {
    list: (query = {}) => connection.requestJson('/v1/queues', { query: { ...query } }),
    get: (name) => connection.requestJson(pathOf(name)),
    pause: (name) => connection.requestJson(`${pathOf(name)}/pause`, { method: 'POST' }),
    resume: (name) => connection.requestJson(`${pathOf(name)}/resume`, { method: 'POST' }),
  };
}
