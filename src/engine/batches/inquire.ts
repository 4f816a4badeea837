import type { Page } from '../../contract/list.ts';
import { AppError } from '../../shared/errors.ts';
import { isId } from '../../shared/ids.ts';
import type { BatchRow } from '../../store/batches.ts';
import { BY_ID, readPage } from '../cursors.ts';
import type { Caller, Engine } from '../engine.ts';
import { noOpenBatch } from '../record-jobs.ts';

/** @throws NOT_FOUND, also for another tenant's batch */
export async function requireBatch(engine: Engine, caller: Caller, id: string): Promise<BatchRow> {
  const batch = isId(id) ? await engine.store.batches.get(caller.scope, id) : undefined;
  if (!batch) throw new AppError('NOT_FOUND', `there is no batch ${id}`);
  return batch;
}

/** Newest first. @throws INVALID_FIELDS for a cursor of another list */
export function listBatches(
  engine: Engine,
  caller: Caller,
  limit: number,
  cursor: string | undefined,
): Promise<Page<BatchRow>> {
  return readPage({ list: 'batches', caller, limit, cursor }, BY_ID, (before, count) =>
    engine.store.batches.list(caller.scope, count, before),
  );
}

/**
 * Looks, before many jobs are read, whether there is the batch that they shall join. Whether it is open is decided as each is
 * recorded: a call that is made again must find its jobs after the batch was closed.
 * @throws INVALID_FIELDS
 */
export async function checkBatchOf(engine: Engine, caller: Caller, id: string | undefined): Promise<void> {
  if (id !== undefined && !(await engine.store.batches.get(caller.scope, id))) throw noOpenBatch('batchId');
}
