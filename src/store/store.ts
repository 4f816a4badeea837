import { createAiUsageStore } from './ai-usage.ts';
import { createAlertStore } from './alerts.ts';
import { createApiKeyStore } from './api-keys.ts';
import { createAuditStore } from './audit.ts';
import { createBacklogStore } from './backlog.ts';
import { createBatchStore } from './batches.ts';
import { createBulkActionStore } from './bulk-actions.ts';
import { createClaimStore } from './claims.ts';
import type { Database } from './database.ts';
import { createDeadLetterStore } from './dead-letters.ts';
import { createDeliveryStore } from './deliveries.ts';
import { createDriftStore } from './drift.ts';
import { createExpiryStore } from './expiry.ts';
import { createFileStore } from './files.ts';
import { createForgottenPipelineStore } from './forgotten-pipelines.ts';
import { createGateStore } from './gates.ts';
import { createIdempotencyStore } from './idempotency.ts';
import { createJobTypeStore } from './job-types.ts';
import { createJobStore } from './jobs.ts';
import { createJournalStore } from './journal.ts';
import { createLeaseStore } from './leases.ts';
import { createOverviewStore } from './overview.ts';
import { createPipelineEndStore } from './pipeline-ends.ts';
import { createPipelineEventStore } from './pipeline-events.ts';
import { createPipelineProgressStore } from './pipeline-progress.ts';
import { createPipelineTreeStore } from './pipeline-tree.ts';
import { createPipelineWakeStore } from './pipeline-wakes.ts';
import { createPipelineStore } from './pipelines.ts';
import { createRecordStore } from './records.ts';
import { createRescueStore } from './rescues.ts';
import { createRetentionStore } from './retention.ts';
import { createRetryStore } from './retries.ts';
import { createScheduleDefinitionStore } from './schedule-definitions.ts';
import { createScheduleFiringStore } from './schedule-firing.ts';
import { createScheduleStore } from './schedules.ts';
import { createSearchIndex } from './search-index.ts';
import { createSettingStore } from './settings.ts';
import { createSubscriptionStore } from './subscriptions.ts';
import { createTenantDayStore } from './tenant-days.ts';
import { createTenantStore } from './tenants.ts';
import { createTransitionStore } from './transitions.ts';
import { createUserNotificationStore } from './user-notifications.ts';
import { createWaitingStore } from './waiting.ts';
import { createWorkerStore } from './workers.ts';

/** The record: the only home of SQL. */
export interface Store extends ReturnType<typeof createStore> {}

export function createStore(database: Database) {
  return {
    database,
    jobs: createJobStore(database),
    jobTypes: createJobTypeStore(database),
    batches: createBatchStore(database),
    transitions: createTransitionStore(database),
    backlog: createBacklogStore(database),
    claims: createClaimStore(database),
    gates: createGateStore(database),
    rescues: createRescueStore(database),
    drift: createDriftStore(database),
    leases: createLeaseStore(database),
    pipelines: createPipelineStore(database),
    pipelineProgress: createPipelineProgressStore(database),
    pipelineTree: createPipelineTreeStore(database),
    pipelineEvents: createPipelineEventStore(database),
    pipelineEnds: createPipelineEndStore(database),
    forgottenPipelines: createForgottenPipelineStore(database),
    pipelineWakes: createPipelineWakeStore(database),
    retries: createRetryStore(database),
    searchIndex: createSearchIndex(database),
    deadLetters: createDeadLetterStore(database),
    bulkActions: createBulkActionStore(database),
    retention: createRetentionStore(database),
    aiUsage: createAiUsageStore(database),
    alerts: createAlertStore(database),
    apiKeys: createApiKeyStore(database),
    tenants: createTenantStore(database),
    tenantDays: createTenantDayStore(database),
    audit: createAuditStore(database),
    journal: createJournalStore(database),
    deliveries: createDeliveryStore(database),
    subscriptions: createSubscriptionStore(database),
    workers: createWorkerStore(database),
    waiting: createWaitingStore(database),
    overview: createOverviewStore(database),
    schedules: createScheduleStore(database),
    scheduleFiring: createScheduleFiringStore(database),
    scheduleDefinitions: createScheduleDefinitionStore(database),
    settings: createSettingStore(database),
    records: createRecordStore(database),
    expiry: createExpiryStore(database),
    idempotency: createIdempotencyStore(database),
    files: createFileStore(database),
    userNotifications: createUserNotificationStore(database),
    /** @throws STORE_UNAVAILABLE */
    async ping(): Promise<void> {
      await database.query('select 1');
    },
  };
}

/** Runs `work` with a store whose changes are all committed together, or not at all when it throws. */
export function inTransaction<Result>(store: Store, work: (store: Store) => Promise<Result>): Promise<Result> {
  return store.database.transaction((database) => work(createStore(database)));
}
