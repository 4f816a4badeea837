import { isTerminal } from '../../contract/job.ts';
import type { DeliveryState, HeldDelivery, HeldJobs, Transport, Transports } from '../../queue/transport.ts';
import type { HeldRecord, HeldRow } from '../../store/drift.ts';
import type { Store } from '../../store/store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Drift, type DriftKind, noDrift, recordRepairs } from './drift.ts';

/** What a comparison needs; `admin` runs it without the rest of the engine. */
export interface ReconcileParts {
  store: Store;
  transports: Transports;
  log: Logger;
}

export interface ReconcileOptions {
  /** Only finds what differs. */
  isDryRun: boolean;
  /** Aborts between two batches. */
  signal?: AbortSignal;
}

const BATCH = 500;
/** A job that was handed over less than this ago may still be under way. */
const GRACE_MS = 2000;
/** How late BullMQ may wake a job before the record does. */
const OVERDUE_MS = 5000;
const IDS_LOGGED = 20;

/** One comparison of one queue. */
interface Comparison {
  parts: ReconcileParts;
  options: ReconcileOptions;
  queue: string;
  transport: Transport;
  held: HeldJobs;
  drift: Drift;
}

/**
 * Compares everything that transports hold with the record and repairs what differs: in batches, each repair guarded, so
 * that it may run beside everything else.
 * @param queues the queues that this program knows; those that the record names are added
 * @throws STORE_UNAVAILABLE, or what the transport throws; what was repaired by then stays so
 */
export async function reconcile(
  parts: ReconcileParts,
  queues: readonly string[],
  options: ReconcileOptions,
): Promise<Drift> {
  const drift = noDrift();
  for (const queue of new Set([...queues, ...(await parts.store.drift.queuesHeld())])) {
    const transport = parts.transports.of(queue);
    if (!transport.held) continue;
    const comparison: Comparison = { parts, options, queue, transport, held: transport.held, drift };
    await keepPaused(comparison);
    await redeliverLost(comparison);
    await dropOrphans(comparison);
  }
  return drift;
}

/** An emptied Redis has forgotten which queues are paused. One that is paused there alone is left so: somebody did it. */
async function keepPaused(comparison: Comparison): Promise<void> {
  const { parts, options, queue, transport, held } = comparison;
  const paused = await parts.store.drift.pausedQueues();
  if (!paused.includes(queue) || (await held.isPaused(queue))) return;
  if (!options.isDryRun) await transport.setPaused(queue, true);
  await note(comparison, 'unpaused', 1, 'a paused queue was served; it is paused again');
}

/** Finds jobs that the transport forgot, and puts them back into the backlog. */
async function redeliverLost(comparison: Comparison): Promise<void> {
  const { parts, options, queue, held } = comparison;
  for (let afterId: string | null = null; !options.signal?.aborted; ) {
    const rows = await parts.store.drift.listHeld(queue, afterId, BATCH, GRACE_MS);
    const states = await held.findStates(queue, rows);
    const judged = rows.map((row, index) => ({ row, kind: judgeHeld(row, states[index] ?? 'missing') }));
    for (const [kind, group] of Map.groupBy(judged, (each) => each.kind)) {
      if (kind === undefined) continue;
      const lost = group.map((each) => each.row);
      const ids = options.isDryRun ? lost.map((row) => row.id) : await parts.store.drift.redeliver(lost);
      await note(
        comparison,
        kind,
        ids.length,
        `BullMQ should hold jobs that are ${kind}; they are handed over anew`,
        ids,
      );
    }
    if (rows.length < BATCH) return;
    afterId = rows.at(-1)?.id ?? null;
  }
}

/** Takes deliveries out of the transport that have nothing to run. */
async function dropOrphans(comparison: Comparison): Promise<void> {
  const { parts, options, queue, held } = comparison;
  for await (const page of held.listWaiting(queue)) {
    if (options.signal?.aborted) return;
    const records = await parts.store.drift.findRecords(page.map((each) => each.jobId));
    const byId = new Map(records.map((record) => [record.id, record]));
    const orphans = page.filter((delivery) => isOrphan(delivery, byId.get(delivery.jobId)));
    // One that stays is another producer's, with an id like ours.
    const dropped = options.isDryRun ? orphans : await filterAsync(orphans, ({ key }) => held.drop(queue, key));
    const ids = dropped.map((delivery) => delivery.jobId);
    await note(
      comparison,
      'orphaned',
      ids.length,
      'BullMQ held deliveries without a job to run; they are dropped',
      ids,
    );
  }
}

async function filterAsync<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<T[]> {
  const results = await Promise.all(items.map(test));
  return items.filter((_item, index) => results[index]);
}

async function note(
  { parts, options, queue, drift }: Comparison,
  kind: DriftKind,
  count: number,
  message: string,
  ids: readonly string[] = [],
): Promise<void> {
  if (count === 0) return;
  drift[kind] += count;
  if (options.isDryRun) return;
  parts.log.warn(`drift: ${message}`, { queue, kind, count, jobIds: ids.slice(0, IDS_LOGGED) });
  await recordRepairs(parts, kind, count);
}

/** What is wrong with a job that BullMQ should hold, if anything. Pure. */
export function judgeHeld(row: HeldRow, state: DeliveryState): 'missing' | 'finished' | 'overdue' | undefined {
  if (state === 'missing' || state === 'finished') return state;
  const isLate = state === 'delayed' && row.overdueMs > OVERDUE_MS;
  return isLate ? 'overdue' : undefined;
}

/** Whether a delivery that waits in BullMQ has no job to run. Pure. */
export function isOrphan(delivery: HeldDelivery, record: HeldRecord | undefined): boolean {
  return record === undefined || isTerminal(record.status) || record.delivery !== delivery.delivery;
}
