import { type Page, toPage } from '../../contract/list.ts';
import { AppError } from '../../shared/errors.ts';
import { isId } from '../../shared/ids.ts';
import type { BatchRow } from '../../store/batches.ts';
import type { Caller, Engine } from '../engine.ts';
import { noOpenBatch } from '../record-jobs.ts';

/** @throws NOT_FOUND, also for another tenant's batch */
export async function requireBatch(engine: Engine, caller: Caller, id: string): Promise<BatchRow> {
  const batch = isId(id) ? await engine.store.batches.get(caller.scope, id) : undefined;
  if (!batch) throw new AppError('NOT_FOUND', `there is no batch ${id}`);
  return batch;
}

/** Newest first. */
export async function listBatches(
  engine: Engine,
  caller: Caller,
  limit: number,
  cursor: string | undefined,
): Promise<Page<BatchRow>> {
  const rows = await engine.store.batches.list(caller.scope, limit + 1, cursor ?? null);
  return toPage(rows, limit, ({ id }) => id);
}

/**
 * Looks, before many jobs are read, whether there is the batch that they shall join. Whether it is open is decided as each is
 * recorded: a call that is made again must find its jobs after the batch was closed.
 * @throws INVALID_FIELDS
 */
export async function checkBatchOf(engine: Engine, caller: Caller, id: string | undefined): Promise<void> {
  if (id !== undefined && !(await engine.store.batches.get(caller.scope, id))) throw noOpenBatch('batchId');
}
