import type { BulkActionName } from '../../contract/bulk-actions.ts';
import { bulkFilterSchema } from '../../contract/filter.ts';
import { isAppError } from '../../shared/errors.ts';
import { messageOf } from '../../shared/failure.ts';
import type { BulkActionRow } from '../../store/bulk-actions.ts';
import { isConflict } from '../../store/database-errors.ts';
import type { JobHead } from '../../store/job-row.ts';
import { inTransaction, type Store } from '../../store/store.ts';
import { APPLIES_TO } from '../bulk-actions.ts';
import { announceEnded, toCancellation } from '../control.ts';
import type { Engine } from '../engine.ts';
import { removeJobFiles } from '../files.ts';
import { announceRetried } from '../retry.ts';

const BATCH = 500;
const IDLE_MS = 1000;

/** What a batch has changed, and what is to be told once that is committed. */
interface Effect {
  changed: number;
  announce(): Promise<void> | void;
}

/**
 * Does one batch of one of the running bulk actions. A batch and its progress are committed together: after a crash the
 * action goes on where it was, and each job is changed once. Several processes may call it at the same time.
 * @returns milliseconds until it wants to be called again
 * @throws STORE_UNAVAILABLE, or what PostgreSQL says of a conflict; any other fault ends the action as failed
 */
export async function runBulkActions(engine: Engine): Promise<number> {
  const effect = await inTransaction(engine.store, async (store) => {
    const action = await store.bulkActions.lockNext();
    return action && runBatch(engine, store, action);
  });
  await effect?.announce();
  return effect ? 0 : IDLE_MS;
}

async function runBatch(engine: Engine, store: Store, action: BulkActionRow): Promise<Effect> {
  try {
    return await inTransaction(store, (inner) => advance(engine, inner, action));
  } catch (error) {
    if (isAppError(error, 'STORE_UNAVAILABLE') || isConflict(error)) throw error; // the loop tries again
    engine.log.error('a bulk action failed', { bulkAction: action.id, action: action.action, error });
    await store.bulkActions.fail(action.id, messageOf(error));
    return NOTHING;
  }
}

async function advance(engine: Engine, store: Store, action: BulkActionRow): Promise<Effect> {
  const statuses = APPLIES_TO[action.action];
  const filter = bulkFilterSchema.parse(action.filter);
  const jobs = await store.bulkActions.nextJobs(action, filter, statuses, BATCH);
  const effect = jobs.length > 0 ? await perform(engine, store, action.action, jobs) : NOTHING;
  const isLast = jobs.length < BATCH;
  const cursor = jobs.at(-1)?.id ?? null;
  await store.bulkActions.advance(action.id, { processed: jobs.length, changed: effect.changed, cursor, isLast });
  if (isLast) {
    const [processed, changed] = [action.processed + jobs.length, action.changed + effect.changed];
    engine.log.info('a bulk action is done', { bulkAction: action.id, action: action.action, processed, changed });
  }
  return effect;
}

const NOTHING: Effect = { changed: 0, announce: () => undefined };

async function perform(
  engine: Engine,
  store: Store,
  action: BulkActionName,
  jobs: readonly JobHead[],
): Promise<Effect> {
  const ids = jobs.map((job) => job.id);
  switch (action) {
    case 'retry': {
      const rows = await store.retries.retry(ids.map((id) => ({ id })));
      return { changed: countAsked(ids, rows), announce: () => announceRetried(engine, rows) };
    }
    case 'cancel': {
      const ended = await store.transitions.apply(jobs.map((job) => toCancellation(engine, job)));
      return { changed: ended.length, announce: () => announceEnded(engine, jobs, ended) };
    }
    case 'delete': {
      const removed = await store.bulkActions.deleteJobs(ids, APPLIES_TO.delete);
      const announce = () => {
        engine.signals.publish('changed', ids);
        return removeJobFiles(engine, removed);
      };
      return { changed: countAsked(ids, removed), announce };
    }
  }
}

/** With a pipeline go its steps, which nobody asked for. */
function countAsked(ids: readonly string[], changed: readonly { id: string }[]): number {
  const asked = new Set(ids);
  return changed.filter(({ id }) => asked.has(id)).length;
}
