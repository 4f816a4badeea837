import { createId } from '../../src/shared/ids.ts';
import type { NewJob } from '../../src/store/jobs.ts';

/** A job that is due at once, for tests of the store. */
export function makeNewJob(changes: Pick<NewJob, 'type' | 'queue'> & Partial<NewJob>): NewJob {
  return {
    id: createId(),
    tenant: 'default',
    priority: 0,
    tags: [],
    metadata: {},
    input: null,
    maxAttempts: 3,
    backoff: null,
    timeoutMs: 60_000,
    webhook: null,
    parentId: null,
    stepKey: null,
    stepIndex: null,
    scheduleId: null,
    batchId: null,
    concurrencyKey: null,
    isHeldBack: false,
    deduplicationKey: null,
    foreignId: null,
    delayMs: null,
    runAt: null,
    ttlMs: null,
    isHandedOver: false,
    ...changes,
  };
}
