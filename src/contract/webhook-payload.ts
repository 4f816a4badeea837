import type { BatchResource } from './batches.ts';
import type { terminalStatuses } from './job-status.ts';

type JobEnd = (typeof terminalStatuses)[number];

/** What a webhook says about the end of a job. */
export interface JobWebhookPayload {
  type: `job.${JobEnd}`;
  /** When it was written, ISO 8601. */
  timestamp: string;
  data: {
    id: string;
    /** The job's type, e.g. `email:send`. */
    type: string;
    queue: string;
    tenant: string;
    status: JobEnd;
    reason: string | null;
    attempt: number;
    maxAttempts: number;
    tags: string[];
    createdAt: string;
    startedAt: string | null;
    finishedAt: string;
    links: { self: string };
    metadata?: Record<string, unknown>;
    /** The body would have been too large with the metadata: read them by `links.self`. */
    metadataOmitted?: true;
    error?: { name: string; message: string; code?: string; attempt: number };
    output?: unknown;
    /** The body would have been too large with the output: read it by `links.self`. */
    outputOmitted?: true;
  };
}

/** What a webhook says about the end of a batch. */
export interface BatchWebhookPayload {
  type: 'batch.completed';
  /** When the batch ended, ISO 8601. */
  timestamp: string;
  data: {
    id: string;
    name: string | null;
    tenant: string;
    counts: BatchResource['counts'];
    createdAt: string;
    finishedAt: string;
    onCompleteJobId: string | null;
    links: { self: string; jobs: string };
    metadata: Record<string, unknown>;
    /** The body would have been too large with the metadata: read them by `links.self`. */
    metadataOmitted?: true;
  };
}

/** Any webhook of Longshore; a newer server may send more kinds. */
export type WebhookPayload =
  | JobWebhookPayload
  | BatchWebhookPayload
  | { type: 'user.notification'; timestamp: string; data: Record<string, unknown> };
