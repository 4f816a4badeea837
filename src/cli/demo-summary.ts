import type { JobResource } from '../contract/job.ts';
import type { ReceivedWebhook } from './demo-webhook-receiver.ts';
import { formatBytes, formatDuration } from './format.ts';
import { renderTable } from './table.ts';
import type { Terminal } from './terminal.ts';

export interface EnqueuedJob {
  job: JobResource;
  /** From the request until its answer, as the caller measured it. */
  acceptedMs: number;
}

export interface DemoResult {
  /** Both have completed. */
  work: EnqueuedJob;
  call: EnqueuedJob;
  received: ReceivedWebhook;
}

interface Part {
  part: string;
  afterMs: number;
  what: string;
}

/** What the API, the record, the worker and the webhooks did for the demo's main job, and how long each took. */
export function renderSummary({ work, call, received }: DemoResult, style: Pick<Terminal, 'width' | 'colors'>): string {
  const { job } = work;
  const startedMs = Date.parse(job.startedAt ?? job.createdAt);
  const finishedMs = Date.parse(job.finishedAt ?? job.createdAt);
  const parts: Part[] = [
    { part: 'API', afterMs: work.acceptedMs, what: 'answered 202: the job was committed in PostgreSQL' },
    {
      part: 'Queue',
      afterMs: startedMs - Date.parse(job.createdAt),
      what: `the job was claimed by worker ${job.worker ?? '?'}`,
    },
    { part: 'Worker', afterMs: finishedMs - startedMs, what: describeWork(job.output) },
    {
      part: 'Webhook',
      afterMs: received.atMs - finishedMs,
      what: 'arrived after the job had ended; signature verified',
    },
    { part: 'Beside it', afterMs: runtimeOf(call.job), what: describeCall(call.job.output) },
  ];
  return renderTable(
    parts,
    [
      { title: 'PART', cell: ({ part }) => part },
      { title: 'TOOK', cell: ({ afterMs }) => formatDuration(afterMs), align: 'right' },
      { title: 'WHAT', cell: ({ what }) => what, minWidth: 20, isWrapped: true },
    ],
    style,
  );
}

function describeWork(output: unknown): string {
  const { bytes, storedBytes, checksum, checksumAlgorithm, mimeType } = output as Record<string, unknown>;
  const sizes = `${formatBytes(Number(bytes))} of ${String(mimeType)} became ${formatBytes(Number(storedBytes))}`;
  return `${sizes}, ${String(checksumAlgorithm)} ${String(checksum).slice(0, 12)}…`;
}

function describeCall(output: unknown): string {
  const { status } = output as { status?: unknown };
  return `http:request called the receiver, which answered ${String(status)}`;
}

function runtimeOf(job: JobResource): number {
  return Date.parse(job.finishedAt ?? job.createdAt) - Date.parse(job.startedAt ?? job.createdAt);
}
