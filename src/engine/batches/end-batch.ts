import type { BatchRow } from '../../store/batches.ts';
import type { BulkActionRow } from '../../store/bulk-actions.ts';
import { inTransaction } from '../../store/store.ts';
import { recordAudit } from '../audit.ts';
import { createBulkAction } from '../bulk-actions.ts';
import type { Caller, Engine } from '../engine.ts';
import { requireBatch } from './inquire.ts';

/** Says that no more jobs come. A batch that is closed already stays as it is. @throws NOT_FOUND */
export async function closeBatch(engine: Engine, caller: Caller, id: string): Promise<BatchRow> {
  const before = await requireBatch(engine, caller, id);
  if (before.closedAt) return before;
  await inTransaction(engine.store, async (store) => {
    await store.batches.close(caller.scope, id);
    await recordAudit(store, caller, { action: 'batch.close', target: id, tenant: before.tenant });
  });
  engine.batchWaker.wake();
  return requireBatch(engine, caller, id);
}

/**
 * Closes a batch and cancels those of its jobs that have not ended, as a bulk action in the background.
 * @param seed the id of the action
 * @throws NOT_FOUND
 */
export async function cancelBatch(
  engine: Engine,
  caller: Caller,
  id: string,
  seed: string,
): Promise<{ batch: BatchRow; action: BulkActionRow }> {
  const { tenant } = await requireBatch(engine, caller, id);
  // First, and committed: jobs that join later than the action was made are none of its business.
  await inTransaction(engine.store, async (store) => {
    await store.batches.close(caller.scope, id);
    await recordAudit(store, caller, { action: 'batch.cancel', target: id, tenant });
  });
  const request = { action: 'cancel', filter: { batchId: id }, dryRun: false } as const;
  const action = await createBulkAction(engine, { ...caller, scope: { tenant } }, request, seed);
  engine.batchWaker.wake();
  return { batch: await requireBatch(engine, caller, id), action };
}
