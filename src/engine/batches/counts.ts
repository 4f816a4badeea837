import type { BatchResource, BatchStatus } from '../../contract/batches.ts';
import type { BatchRow } from '../../store/batches.ts';

/** Pure. */
export function countsOf({ total, completed, failed, cancelled, expired }: BatchRow): BatchResource['counts'] {
  const pending = total - completed - failed - cancelled - expired;
  return { total, pending, completed, failed, cancelled, expired };
}

/** A batch that has ended stays so, also when jobs of it run again. Pure. */
export function statusOf({ closedAt, finishedAt }: Pick<BatchRow, 'closedAt' | 'finishedAt'>): BatchStatus {
  if (finishedAt) return 'completed';
  return closedAt ? 'running' : 'open';
}

/** How much of what has joined has ended; 100 only when all has. Pure. */
export function percentOf(batch: BatchRow): number {
  const { total, pending } = countsOf(batch);
  if (total === 0) return batch.finishedAt ? 100 : 0;
  return Math.floor(((total - pending) / total) * 1000) / 10;
}
