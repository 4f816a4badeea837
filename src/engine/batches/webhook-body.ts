import type { BatchRow } from '../../store/batches.ts';
import { WEBHOOK_BODY_LIMIT } from '../webhook-body.ts';
import { countsOf } from './counts.ts';

/** What the webhook of a batch is told at its end; metadata that is too large is left out, and can be read by `links.self`. Pure. */
export function toBatchBody(batch: BatchRow): string {
  const { id, tenant, name, metadata, onCompleteJobId, createdAt, finishedAt } = batch;
  const self = `/v1/batches/${id}`;
  const data = {
    id,
    name,
    tenant,
    counts: countsOf(batch),
    createdAt: createdAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
    onCompleteJobId,
    links: { self, jobs: `/v1/jobs?batchId=${id}` },
  };
  const write = (more: object) =>
    JSON.stringify({ type: 'batch.completed', timestamp: data.finishedAt, data: { ...data, ...more } });
  const full = write({ metadata });
  return Buffer.byteLength(full) < WEBHOOK_BODY_LIMIT ? full : write({ metadata: {}, metadataOmitted: true });
}
