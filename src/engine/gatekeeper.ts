import { z } from 'zod';
import type { JobKey, KeyRule } from '../store/gates.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Engine } from './engine.ts';
import { Loop } from './loop.ts';

/** What a job says of its key. */
export type KeyedJob = Pick<JobRow, 'queue' | 'tenant' | 'concurrencyKey'>;

const BATCH = 100;
const IDLE_MS = 60_000;

/**
 * Gives jobs of a key their turn. Whoever records, queues or ends such a job tells it behind the commit; what it is told in one moment it
 * does in one statement. What a crash leaves, the leader finds (`upkeep/sweep-gates.ts`).
 */
export class Gatekeeper {
  #engine: Engine | undefined;
  #loop: Loop | undefined;
  #unsubscribe: () => void = () => undefined;
  readonly #pending = new Map<string, JobKey>();
  /** Keys that wait for the end of their window: when that is, epoch milliseconds. */
  readonly #later = new Map<string, { key: JobKey; atMs: number }>();

  start(engine: Engine): void {
    this.#engine = engine;
    this.#unsubscribe = engine.signals.subscribe('gate', (keys) => this.look(keys.flatMap(decodeKey)));
    this.#loop ??= new Loop('giving jobs of a key their turn', engine.log, () => this.#work(engine));
    this.#loop.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    await this.#loop?.stop();
  }

  /** The jobs of these keys have changed: somebody else may have their turn. */
  look(jobs: readonly KeyedJob[]): void {
    const keys = jobs.flatMap(toKey);
    if (keys.length === 0) return;
    for (const key of keys) this.#pending.set(idOf(key), key);
    this.#loop?.wake();
  }

  /** A job has started: where that is limited, more may start when its window is over. */
  noteStart(job: KeyedJob): void {
    const rate = this.#engine?.registry.queues.get(job.queue)?.rateLimitPerKey;
    if (!rate) return;
    for (const key of toKey(job)) this.#lookLater(key, rate.durationMs);
  }

  async #work(engine: Engine): Promise<number> {
    const now = engine.clock.now();
    for (const [id, { key, atMs }] of this.#later) {
      if (atMs > now) continue;
      this.#later.delete(id);
      this.#pending.set(id, key);
    }
    const batch = [...this.#pending].slice(0, BATCH);
    for (const [id] of batch) this.#pending.delete(id);
    if (batch.length > 0) await this.#open(engine, batch);
    if (this.#pending.size > 0) return 0;
    const nextMs = Math.min(...[...this.#later.values()].map(({ atMs }) => atMs));
    return Math.max(1, Math.min(IDLE_MS, nextMs - engine.clock.now()));
  }

  async #open(engine: Engine, batch: readonly [string, JobKey][]): Promise<void> {
    try {
      await openGates(
        engine,
        batch.map(([, key]) => key),
        (key, waitMs) => this.#lookLater(key, waitMs),
      );
    } catch (error) {
      for (const [id, key] of batch) this.#pending.set(id, key);
      throw error;
    }
  }

  // The first time stands: a later one follows from the look at it.
  #lookLater(key: JobKey, inMs: number): void {
    const atMs = (this.#engine?.clock.now() ?? Date.now()) + Math.ceil(inMs);
    const id = idOf(key);
    if ((this.#later.get(id)?.atMs ?? Infinity) <= atMs) return;
    this.#later.set(id, { key, atMs });
    this.#loop?.wakeAt(atMs);
  }
}

/**
 * Opens the gates of keys as far as their queues allow, and tells those who take jobs.
 * @param onWait a key has jobs that wait for the end of its window
 * @throws STORE_UNAVAILABLE
 */
async function openGates(
  engine: Engine,
  keys: readonly JobKey[],
  onWait: (key: JobKey, waitMs: number) => void,
): Promise<void> {
  const outcomes = await engine.store.gates.open(keys.map((key) => toRule(engine, key)));
  const queues = [...new Set(outcomes.filter(({ opened }) => opened > 0).map(({ queue }) => queue))];
  announceWork(engine, queues);
  for (const { waitMs, ...key } of outcomes) if (waitMs !== null) onWait(key, waitMs);
}

/** Tells those who take jobs of queues in which some can be taken now. */
export function announceWork(engine: Engine, queues: readonly string[]): void {
  const claimed = queues.filter((queue) => !engine.transports.of(queue).held);
  engine.signals.publish('work', claimed);
  if (claimed.length < queues.length) engine.dispatcher.wake(); // they wait in the backlog
}

/** How long the window is that starts of a key are counted in; null where they are not. */
export function keyWindowMsOf({ registry }: Engine, queue: string): number | null {
  return registry.queues.get(queue)?.rateLimitPerKey?.durationMs ?? null;
}

/** How many jobs of a key may have their turn at once, where the queue says nothing. */
const DEFAULT_AT_ONCE = 1;

function toRule({ registry }: Engine, key: JobKey): KeyRule {
  const queue = registry.queues.get(key.queue);
  return { ...key, atOnce: queue?.concurrencyPerKey ?? DEFAULT_AT_ONCE, rate: queue?.rateLimitPerKey };
}

function toKey({ queue, tenant, concurrencyKey }: KeyedJob): JobKey[] {
  return concurrencyKey === null ? [] : [{ queue, tenant, concurrencyKey }];
}

/** What `longshore.enqueue` in SQL tells of a job of a key: anybody in the database may send something else. */
function decodeKey(text: string): JobKey[] {
  try {
    const parsed = gateSignalSchema.safeParse(JSON.parse(Buffer.from(text, 'base64').toString()));
    if (!parsed.success) return [];
    const [queue, tenant, concurrencyKey] = parsed.data;
    return [{ queue, tenant, concurrencyKey }];
  } catch {
    return []; // the leader looks at all keys anyhow
  }
}

const gateSignalSchema = z.tuple([z.string(), z.string(), z.string()]);

function idOf({ queue, tenant, concurrencyKey }: JobKey): string {
  return `${queue}/${tenant}/${concurrencyKey}`;
}
