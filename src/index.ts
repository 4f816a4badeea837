/** What a job author imports: `import { defineJob, z } from 'longshore'`. */
export { z } from 'zod';
export {
  type ReceivedHeaders,
  type VerifyOptions,
  verifyWebhook,
  WebhookVerificationError,
} from './contract/verify-webhook.ts';
export type { BatchWebhookPayload, JobWebhookPayload, WebhookPayload } from './contract/webhook-payload.ts';
export type { CheckInput, InputFault, KnownDefinitions } from './define/check-input.ts';
export {
  type ConnectorDefinition,
  type ConnectorOptions,
  type ConnectorPage,
  type ConnectorRun,
  defineConnector,
  type SourceRecord,
} from './define/connector.ts';
export type { JobContext, JobHandle, JobLog } from './define/context.ts';
export { type DrizzleTransaction, enqueueInTransaction, type PgClient } from './define/enqueue-in-transaction.ts';
export { NonRetryableError, RetryLaterError, StepError, snooze } from './define/errors.ts';
export type { CreateFileOptions, FileContent, JobFiles, ReadableFile, StoredFile } from './define/files.ts';
export type { Isolation } from './define/isolation.ts';
export {
  type BackoffFunction,
  defineJob,
  type Handler,
  type JobDefinition,
  type JobExample,
  type JobFailure,
  type JobOptions,
} from './define/job.ts';
export { checkConnector, checkQuery } from './define/named.ts';
export type { EnqueueOptions } from './define/options.ts';
export {
  definePipeline,
  type EventOptions,
  type PipelineContext,
  type PipelineOptions,
  type Step,
  type StepManyOptions,
  type StepOptions,
} from './define/pipeline.ts';
export { defineQuery, type QueryCaller, type QueryDefinition, type QueryOptions } from './define/query.ts';
export {
  defineQueue,
  type QueueDefinition,
  type QueueOptions,
  type RateLimit,
  type TransportName,
} from './define/queue.ts';
export type { ScheduleDefinition } from './define/schedule.ts';
// `export *`, since only that lets `declare module 'longshore'` extend the interface.
export type * from './define/services.ts';
export type { Backoff } from './shared/backoff.ts';
export { AppError, type ErrorCode } from './shared/errors.ts';
