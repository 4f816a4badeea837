import type { JobRow } from '../../src/store/job-row.ts';

/** A job as the record has it, for tests of pure functions. */
export function makeJobRow(changes: Partial<JobRow> = {}): JobRow {
  const at = new Date('2026-01-01T00:00:00.000Z');
  return {
    id: '01980000-0000-7000-8000-000000000001',
    tenant: 'default',
    type: 'some:job',
    queue: 'some',
    status: 'queued',
    reason: null,
    priority: 0,
    tags: [],
    metadata: {},
    input: null,
    output: null,
    error: null,
    progressPercent: 0,
    progressMessage: null,
    progressSeq: 0,
    checkpoint: null,
    attempt: 0,
    maxAttempts: 3,
    rescues: 0,
    backoff: null,
    timeoutMs: 60_000,
    webhook: null,
    fence: 0,
    delivery: 1,
    worker: null,
    parentId: null,
    scheduleId: null,
    createdAt: at,
    runAt: at,
    dispatchedAt: null,
    expiresAt: null,
    startedAt: null,
    finishedAt: null,
    ...changes,
  };
}
