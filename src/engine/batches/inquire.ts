import { type Page, toPage } from '../../contract/list.ts';
import { AppError } from '../../shared/errors.ts';
import { isId, UUID } from '../../shared/ids.ts';
import type { BatchRow } from '../../store/batches.ts';
import { readCursor, writeCursor } from '../cursors.ts';
import type { Caller, Engine } from '../engine.ts';
import { noOpenBatch } from '../record-jobs.ts';

/** @throws NOT_FOUND, also for another tenant's batch */
export async function requireBatch(engine: Engine, caller: Caller, id: string): Promise<BatchRow> {
  const batch = isId(id) ? await engine.store.batches.get(caller.scope, id) : undefined;
  if (!batch) throw new AppError('NOT_FOUND', `there is no batch ${id}`);
  return batch;
}

/** Newest first. @throws INVALID_FIELDS for a cursor of another list */
export async function listBatches(
  engine: Engine,
  caller: Caller,
  limit: number,
  cursor: string | undefined,
): Promise<Page<BatchRow>> {
  const list = { list: 'batches', caller };
  const rows = await engine.store.batches.list(caller.scope, limit + 1, readCursor(list, cursor, UUID));
  return toPage(rows, limit, ({ id }) => writeCursor(list, id));
}

/**
 * Looks, before many jobs are read, whether there is the batch that they shall join. Whether it is open is decided as each is
 * recorded: a call that is made again must find its jobs after the batch was closed.
 * @throws INVALID_FIELDS
 */
export async function checkBatchOf(engine: Engine, caller: Caller, id: string | undefined): Promise<void> {
  if (id !== undefined && !(await engine.store.batches.get(caller.scope, id))) throw noOpenBatch('batchId');
}
