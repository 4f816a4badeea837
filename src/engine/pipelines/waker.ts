import type { Engine } from '../engine.ts';
import { Loop } from '../loop.ts';
import { announceQueued } from '../retry.ts';
import { endOrphans } from './end-orphans.ts';
import { saveProgress } from './progress.ts';

const BATCH = 500;
/** How soon a process looks for what another one left behind when it ended. */
const POLL_MS = 1000;
/** When to look again at a pause that is over and was not settled: its pipeline has ended by somebody's hand. */
const DUE_PAUSE_MS = 20;

/**
 * Tells pipelines of the ends of their steps, and ends the steps of pipelines that have ended. Whoever writes such an end
 * writes the news of it in the same statement and wakes the waker of its process; every process has one, so news are
 * found however that process ends.
 */
export class PipelineWaker {
  #loop: Loop | undefined;

  start(engine: Engine): void {
    this.#loop ??= new Loop('waking pipelines', engine.log, () => work(engine));
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  /** There are news. */
  wake(): void {
    this.#loop?.wake();
  }

  /** A pause will be over then. Epoch milliseconds. */
  wakeAt(atMs: number): void {
    this.#loop?.wakeAt(atMs);
  }
}

async function work(engine: Engine): Promise<number> {
  const { pipelineWakes } = engine.store;
  const { hasNews, dueInMs } = await pipelineWakes.look();
  if (!hasNews && dueInMs !== 0) return Math.min(POLL_MS, dueInMs ?? POLL_MS);
  const { woken, touched, released, hasEnded, isFull } = await pipelineWakes.settle(BATCH);
  announceQueued(engine, [...woken.filter(({ status }) => status === 'queued'), ...released]);
  const hasMore = hasEnded && (await endOrphans(engine));
  await saveProgress(engine, touched);
  if (isFull || hasMore) return 0;
  return Math.min(POLL_MS, Math.max(DUE_PAUSE_MS, (await pipelineWakes.look()).dueInMs ?? POLL_MS));
}
