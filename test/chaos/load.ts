import { setTimeout as sleep } from 'node:timers/promises';
import type { JobResource } from '../../src/contract/job.ts';
import { endsWithin } from '../../src/shared/time.ts';
import type { Cluster } from './cluster.ts';
import type { Random } from './random.ts';

export type Kind = 'complete' | 'slow' | 'retry' | 'fail' | 'cancel';

/** Out of ten jobs. */
const KINDS: readonly Kind[] = [
  'complete',
  'complete',
  'complete',
  'complete',
  'slow',
  'slow',
  'retry',
  'retry',
  'fail',
  'cancel',
];
const CALL_TIMEOUT_MS = 20_000;
const REPEAT_AFTER_MS = 500;

/** A call to enqueue, and what came of it. */
export interface Call {
  /** In the job's metadata, so that the job of a call whose answer was lost is found. */
  number: number;
  kind: Kind;
  /** Of the last answer; 0: there was none. */
  status: number;
  /** How often it was made: one with an Idempotency-Key is repeated until it is accepted. */
  tries: number;
  /** Known when the answer was 202. */
  id: string | undefined;
  /** Whether somebody was told that the job is cancelled now. */
  isCancelled: boolean;
}

/** How often a handler of this kind runs when nothing goes wrong. */
export const runsOf: Record<Kind, number> = { complete: 1, slow: 1, retry: 3, fail: 1, cancel: 1 };

/** The jobs of a storm, enqueued evenly over its time whatever the answers are. */
export class Load {
  readonly calls: Call[] = [];
  readonly note: string;
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #webhookUrl: string;
  readonly #open = new Set<Promise<void>>();
  #isOver = false;

  constructor(cluster: Cluster, random: Random, options: { note: string; webhookUrl: string }) {
    this.#cluster = cluster;
    this.#random = random;
    this.note = options.note;
    this.#webhookUrl = options.webhookUrl;
  }

  async run(jobs: number, durationMs: number): Promise<void> {
    const beganAt = performance.now();
    for (let number = 1; number <= jobs; number += 1) {
      await sleep(Math.max(0, beganAt + (number * durationMs) / jobs - performance.now()));
      const task = this.#enqueue(number).finally(() => this.#open.delete(task));
      this.#open.add(task);
    }
  }

  /** Resolves when every call has been answered or given up, and every cancel has; after `timeoutMs` at the latest. */
  async settle(timeoutMs: number): Promise<void> {
    await endsWithin(Promise.all(this.#open), timeoutMs);
    this.#isOver = true;
  }

  async #enqueue(number: number): Promise<void> {
    const random = this.#random.fork(); // answers come in any order, and must not change what other jobs are
    const kind = random.pick(KINDS);
    const ms = kind === 'slow' ? random.between(500, 2500) : random.between(0, 50);
    const hasWebhook = random.between(1, 5) === 1;
    const cancelAfterMs = random.between(0, 3000);
    const options = {
      metadata: { number },
      ...(hasWebhook ? { webhook: { url: this.#webhookUrl } } : {}),
      ...(random.between(1, 5) === 1 ? { delayMs: random.between(100, 3000) } : {}),
    };
    const json = { type: 'chaos:storm', input: { kind, ms, note: this.note }, options };
    const key = random.between(1, 2) === 1 ? `storm-${number}` : undefined;
    let answer = await this.#post(random, '/v1/jobs', json, key);
    let tries = 1;
    for (; key !== undefined && isRepeated(answer.status) && !this.#isOver; tries += 1) {
      await sleep(REPEAT_AFTER_MS);
      answer = await this.#post(random, '/v1/jobs', json, key);
    }
    const { status } = answer;
    const id = status === 202 ? answer.body?.id : undefined;
    const call: Call = { number, kind, status, tries, id, isCancelled: false };
    this.calls.push(call);
    if (kind !== 'cancel' || id === undefined) return;
    await sleep(cancelAfterMs);
    call.isCancelled = await this.#cancel(random, id);
  }

  /** Until somebody answers. @returns whether that it is cancelled; else that it had ended, perhaps by an earlier try */
  async #cancel(random: Random, id: string): Promise<boolean> {
    while (!this.#isOver) {
      const { status } = await this.#post(random, `/v1/jobs/${id}/cancel`);
      if (status === 202 || status === 409) return status === 202;
      await sleep(REPEAT_AFTER_MS);
    }
    return false;
  }

  async #post(
    random: Random,
    path: string,
    json?: unknown,
    key?: string,
  ): Promise<{ status: number; body: JobResource | undefined }> {
    const urls = this.#cluster.apis.flatMap(({ url }) => url ?? []);
    if (urls.length === 0) return { status: 0, body: undefined };
    try {
      const response = await fetch(random.pick(urls) + path, {
        method: 'POST',
        headers: {
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...(key === undefined ? {} : { 'idempotency-key': key }),
        },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      return { status: response.status, body: (await response.json()) as JobResource };
    } catch {
      return { status: 0, body: undefined }; // killed, or cut off: whether it was stored is not known
    }
  }
}

/** Not stored, perhaps stored, or the same call is under way elsewhere: the same key makes it safe to ask again. */
function isRepeated(status: number): boolean {
  return status === 0 || status === 503 || status === 409;
}
