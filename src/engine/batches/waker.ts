import { createId, deriveId } from '../../shared/ids.ts';
import type { BatchRow } from '../../store/batches.ts';
import type { JobRow } from '../../store/job-row.ts';
import { inTransaction, type Store } from '../../store/store.ts';
import type { Engine } from '../engine.ts';
import { Loop } from '../loop.ts';
import { toBatchBody } from './webhook-body.ts';

const NEWS_PER_LOOK = 5000;
/** How soon a process looks for what another one left behind when it ended. */
const POLL_MS = 1000;
/** When to look again at news that another process is folding. */
const BUSY_PAUSE_MS = 50;

/**
 * Folds the news of jobs into the counts of their batches, and ends batches. Every process has one; one of them at a time
 * works, and what it does for an end is in the same transaction: a crash neither loses nor doubles it.
 */
export class BatchWaker {
  #loop: Loop | undefined;

  start(engine: Engine): void {
    this.#loop ??= new Loop('counting the jobs of batches', engine.log, () => foldBatchNews(engine));
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  /** There are news. */
  wake(): void {
    this.#loop?.wake();
  }
}

/** One look. @returns milliseconds until it wants to be called again */
export async function foldBatchNews(engine: Engine): Promise<number> {
  if (!(await engine.store.batches.hasNews())) return POLL_MS;
  const { folded, jobs } = await inTransaction(engine.store, async (store) => {
    const folded = await store.batches.fold(NEWS_PER_LOOK);
    const jobs: JobRow[] = [];
    for (const batch of folded.finished) jobs.push(...(await settleEnd(store, batch)));
    return { folded, jobs };
  });
  announceFinished(engine, folded.finished, jobs);
  if (folded.isBusy) return BUSY_PAUSE_MS;
  return folded.isFull ? 0 : POLL_MS;
}

/** Records what a batch that has just ended owes: its webhook, and its last job. */
async function settleEnd(store: Store, batch: BatchRow): Promise<JobRow[]> {
  const { id, tenant, onComplete, webhook, finishedAt } = batch;
  const jobId = onComplete && finishedAt && deriveId(finishedAt.getTime(), `${id}\nonComplete`);
  await store.deliveries.addForBatch({
    id: createId(),
    batchId: id,
    tenant,
    event: 'batch.completed',
    url: webhook?.url ?? null,
    body: toBatchBody({ ...batch, onCompleteJobId: jobId }),
  });
  if (!onComplete || !jobId) return [];
  await store.batches.settleEnd(id, jobId);
  const metadata = { ...onComplete.metadata, batchId: id };
  return store.jobs.insert([{ ...onComplete, id: jobId, tenant, metadata, isHandedOver: false }]);
}

function announceFinished(engine: Engine, finished: readonly BatchRow[], jobs: readonly JobRow[]): void {
  for (const { id, total, failed } of finished) engine.log.info('a batch has ended', { batchId: id, total, failed });
  engine.signals.publish(
    'webhook',
    finished.map(({ id }) => id),
  );
  engine.dispatcher.handOver(jobs);
}
