import { randomUUID } from 'node:crypto';
import type { Database } from '../store/database.ts';
import { Listener, notify } from '../store/notifications.ts';
import type { Logger } from '../telemetry/logger.ts';

/**
 * `work`: queue names that have jobs · `changed`: job ids with news · `cancel`: ids of running jobs to abort · `webhook`: ids of
 * jobs and batches with a delivery to send · `subscriptions`: tenants whose subscriptions have changed · `keys`: ids of API
 * keys that are new or revoked · `limits`: tenants whose limits have changed · `schedule`: ids of schedules that have changed ·
 * `due`: epoch milliseconds at which jobs become due that no program knows of · `gate`: keys of new jobs that no program knows of,
 * each as JSON in base64. `longshore.enqueue` in SQL sends `work`, `due` and `gate`.
 */
const TOPICS = [
  'work',
  'changed',
  'cancel',
  'webhook',
  'subscriptions',
  'keys',
  'limits',
  'schedule',
  'due',
  'gate',
] as const;
export type Topic = (typeof TOPICS)[number];
export type SignalListener = (keys: readonly string[]) => void;

const CHANNEL = 'longshore';
const COALESCE_MS = 5;
const KEYS_PER_MESSAGE = 100; // of 36 characters: far below the 8,000 bytes of a NOTIFY

/**
 * Short messages between processes over LISTEN/NOTIFY. They are hints: whoever waits for one also polls, so a message may
 * be lost. Listeners in this process hear at once; other processes at most every 5 ms, with equal keys sent once.
 */
export class Signals {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #listener: Listener;
  readonly #self = randomUUID().slice(0, 8);
  readonly #listeners = new Map<Topic, Set<SignalListener>>(TOPICS.map((topic) => [topic, new Set()]));
  readonly #missed = new Set<() => void>();
  readonly #pending = new Map<Topic, Set<string>>();
  #timer: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #sending: Promise<void> = Promise.resolve();
  #lastSentAt = 0;

  constructor(database: Database, log: Logger) {
    this.#database = database;
    this.#log = log;
    this.#listener = new Listener(database, {
      channel: CHANNEL,
      onMessage: (payload) => this.#receive(payload),
      onConnected: () => {
        for (const listener of this.#missed) listener();
      },
      log,
    });
  }

  start(): void {
    this.#listener.start();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#flush();
    await this.#sending;
    await this.#listener.stop();
  }

  publish(topic: Topic, keys: readonly string[]): void {
    if (keys.length === 0) return;
    this.#deliver(topic, keys);
    const pending = this.#pending.get(topic) ?? new Set();
    for (const key of keys) pending.add(key);
    this.#pending.set(topic, pending);
    this.#schedule();
  }

  /** @returns a function that ends the subscription */
  subscribe(topic: Topic, listener: SignalListener): () => void {
    const listeners = this.#listeners.get(topic);
    listeners?.add(listener);
    return () => listeners?.delete(listener);
  }

  /** Calls `listener` whenever messages may have been missed. */
  onMissed(listener: () => void): () => void {
    this.#missed.add(listener);
    return () => this.#missed.delete(listener);
  }

  // A timer of 0 ms takes 1 ms, for which a job would wait.
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const waitMs = this.#lastSentAt + COALESCE_MS - Date.now();
    if (waitMs <= 0) setImmediate(() => this.#flush());
    else this.#timer = setTimeout(() => this.#flush(), waitMs);
  }

  #deliver(topic: Topic, keys: readonly string[]): void {
    for (const listener of this.#listeners.get(topic) ?? []) listener(keys);
  }

  #flush(): void {
    this.#isScheduled = false;
    this.#lastSentAt = Date.now();
    const payloads = [...this.#pending].flatMap(([topic, keys]) => toPayloads(this.#self, topic, [...keys]));
    this.#pending.clear();
    if (payloads.length === 0) return;
    this.#sending = notify(this.#database, CHANNEL, payloads).catch((error: unknown) =>
      this.#log.debug('a signal was not sent; pollers will notice', { error }),
    );
  }

  #receive(payload: string): void {
    const [sender, topic, keys] = payload.split('|');
    if (sender === this.#self || keys === undefined) return;
    if (TOPICS.includes(topic as Topic)) this.#deliver(topic as Topic, keys.split(','));
  }
}

function toPayloads(self: string, topic: Topic, keys: string[]): string[] {
  const payloads: string[] = [];
  for (let start = 0; start < keys.length; start += KEYS_PER_MESSAGE) {
    payloads.push(`${self}|${topic}|${keys.slice(start, start + KEYS_PER_MESSAGE).join(',')}`);
  }
  return payloads;
}
