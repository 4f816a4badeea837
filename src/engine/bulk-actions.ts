import type { BulkActionName, BulkActionRequest } from '../contract/bulk-actions.ts';
import { type JobStatus, terminalStatuses } from '../contract/job.ts';
import { AppError } from '../shared/errors.ts';
import { isId } from '../shared/ids.ts';
import type { BulkActionRow, Matches } from '../store/bulk-actions.ts';
import { inTransaction } from '../store/store.ts';
import { recordAudit } from './audit.ts';
import { CANCELLABLE } from './control.ts';
import type { Caller, Engine } from './engine.ts';
import { RETRYABLE } from './retry.ts';

/** The jobs that an action can do something to; others are neither counted nor touched. */
export const APPLIES_TO: Record<BulkActionName, readonly JobStatus[]> = {
  retry: RETRYABLE,
  cancel: CANCELLABLE,
  delete: terminalStatuses,
};

/** Counts the jobs that an action would be for, up to MATCHED_MAX. */
export function countMatches(engine: Engine, caller: Caller, request: BulkActionRequest): Promise<Matches> {
  return engine.store.bulkActions.count(caller.scope, request.filter, APPLIES_TO[request.action]);
}

/**
 * Begins an action on many jobs, which goes on in the background.
 * @param id its id; where there is one already, that is returned
 * @returns the committed action
 */
export async function createBulkAction(
  engine: Engine,
  caller: Caller,
  request: BulkActionRequest,
  id: string,
): Promise<BulkActionRow> {
  const tenant = caller.scope === 'all' ? null : caller.scope.tenant;
  const { action, filter } = request;
  const matches = await countMatches(engine, caller, request);
  const created = await inTransaction(engine.store, async (store) => {
    const row = await store.bulkActions.insert({ id, tenant, action, filter, ...matches });
    const details = { action, filter, ...matches };
    if (row) await recordAudit(store, caller, { action: 'bulk_action.create', target: id, tenant, details });
    return row;
  });
  return created ?? requireBulkAction(engine, caller, id);
}

/** @throws NOT_FOUND, also for another tenant's action */
export async function requireBulkAction(engine: Engine, caller: Caller, id: string): Promise<BulkActionRow> {
  const action = isId(id) ? await engine.store.bulkActions.get(caller.scope, id) : undefined;
  if (!action) throw new AppError('NOT_FOUND', `there is no bulk action ${id}`);
  return action;
}

/** Ends an action early; what it has done stays done. @throws NOT_FOUND, ACTION_FINISHED */
export async function abortBulkAction(engine: Engine, caller: Caller, id: string): Promise<BulkActionRow> {
  const { status } = await requireBulkAction(engine, caller, id);
  const aborted = status === 'running' ? await abort(engine, caller, id) : undefined;
  if (aborted) return aborted;
  const action = await requireBulkAction(engine, caller, id);
  throw new AppError('ACTION_FINISHED', `bulk action ${id} has already finished: it is ${action.status}`);
}

function abort(engine: Engine, caller: Caller, id: string): Promise<BulkActionRow | undefined> {
  return inTransaction(engine.store, async (store) => {
    const row = await store.bulkActions.abort(caller.scope, id);
    if (!row) return undefined;
    const { tenant, action, processed, changed } = row;
    const details = { action, processed, changed };
    await recordAudit(store, caller, { action: 'bulk_action.abort', target: id, tenant, details });
    return row;
  });
}
