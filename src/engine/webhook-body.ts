import type { JobStatus } from '../contract/job.ts';
import { createId } from '../shared/ids.ts';
import type { JobHead, RecordedFailure } from '../store/job-row.ts';
import type { OutboxEntry } from '../store/transitions.ts';

/** A body stays below this; a larger output is left out and linked. */
export const WEBHOOK_BODY_LIMIT = 20_000;

export interface WebhookEnd {
  status: Extract<JobStatus, 'completed' | 'failed' | 'cancelled' | 'expired'>;
  reason: string | null;
  error: RecordedFailure | null;
  /** JSON text. */
  output: string | null;
}

/** Whether a webhook is to be called for such an end. */
export function wantsWebhook({ webhook }: Pick<JobHead, 'webhook'>, status: WebhookEnd['status']): boolean {
  return webhook?.events.includes(`job.${status}`) ?? false;
}

/** What a job's end tells its webhook and those who have subscribed to it. Pure but for the id. */
export function toOutboxEntry(job: JobHead, end: WebhookEnd, nowMs: number): OutboxEntry {
  const event = `job.${end.status}` as const;
  const url = job.webhook && wantsWebhook(job, end.status) ? job.webhook.url : null;
  return { id: createId(), event, url, body: toBody(job, event, end, nowMs) };
}

function toBody(job: JobHead, type: string, end: WebhookEnd, nowMs: number): string {
  const timestamp = new Date(nowMs).toISOString();
  const data = {
    id: job.id,
    type: job.type,
    queue: job.queue,
    tenant: job.tenant,
    status: end.status,
    reason: end.reason,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    tags: job.tags,
    createdAt: job.createdAt.toISOString(),
    startedAt: job.startedAt?.toISOString() ?? null,
    finishedAt: timestamp,
    links: { self: `/v1/jobs/${job.id}` },
  };
  const error = end.error && {
    name: end.error.name,
    message: end.error.message.slice(0, 2000).toWellFormed(), // the cut may halve a surrogate pair
    code: end.error.code,
    attempt: end.error.attempt,
  };
  const full = {
    ...data,
    metadata: job.metadata,
    ...(error ? { error } : {}),
    ...(end.output === null ? {} : { output: JSON.parse(end.output) }),
  };
  // What is left out first is what a receiver can read again by links.self.
  const withoutOutput = end.output === null ? full : { ...full, output: undefined, outputOmitted: true };
  const shorter = [full, withoutOutput, { ...withoutOutput, metadata: {}, metadataOmitted: true }];
  const bodies = shorter.map((each) => JSON.stringify({ type, timestamp, data: each }));
  return (
    bodies.find((body) => Buffer.byteLength(body) < WEBHOOK_BODY_LIMIT) ??
    JSON.stringify({ type, timestamp, data: { ...data, tags: [] } })
  );
}
