import { setTimeout as pace } from 'node:timers/promises';
import type { JobResource } from '../../src/contract/job.ts';
import type { Field } from './field.ts';
import type { Random } from './random.ts';

export type Kind = 'complete' | 'slow' | 'retry' | 'fail' | 'cancel';

/** Out of ten jobs. */
const KINDS: readonly Kind[] = [
  ...['complete', 'complete', 'complete', 'complete', 'slow', 'slow', 'retry', 'retry', 'fail', 'cancel'],
] as Kind[];
const CALL_TIMEOUT_MS = 20_000;

/** A call to enqueue, and what came of it. */
export interface Call {
  /** In the job's metadata, so that the job of a call whose answer was lost is found. */
  number: number;
  kind: Kind;
  /** 0: there was no answer. */
  status: number;
  /** Known when the answer was 202. */
  id: string | undefined;
}

/** How often a handler of this kind runs when nothing goes wrong. */
export const runsOf: Record<Kind, number> = { complete: 1, slow: 1, retry: 3, fail: 1, cancel: 1 };

/** The jobs of a storm, enqueued evenly over its time whatever the answers are. */
export class Load {
  readonly calls: Call[] = [];
  readonly note: string;
  readonly #field: Field;
  readonly #random: Random;
  readonly #webhookUrl: string;
  readonly #open = new Set<Promise<void>>();

  constructor(field: Field, random: Random, options: { note: string; webhookUrl: string }) {
    this.#field = field;
    this.#random = random;
    this.note = options.note;
    this.#webhookUrl = options.webhookUrl;
  }

  async run(jobs: number, durationMs: number): Promise<void> {
    const beganAt = performance.now();
    for (let number = 1; number <= jobs; number += 1) {
      await pace(Math.max(0, beganAt + (number * durationMs) / jobs - performance.now()));
      const task = this.#enqueue(number).finally(() => this.#open.delete(task));
      this.#open.add(task);
    }
  }

  /** Resolves when every call has been answered or given up, and every cancel has. */
  async settled(): Promise<void> {
    await Promise.all(this.#open);
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
    const answer = await this.#post(random, '/v1/jobs', {
      type: 'chaos:storm',
      input: { kind, ms, note: this.note },
      options,
    });
    const call = { number, kind, status: answer.status, id: answer.status === 202 ? answer.body?.id : undefined };
    this.calls.push(call);
    if (kind !== 'cancel' || call.id === undefined) return;
    await pace(cancelAfterMs);
    await this.#cancel(random, call.id);
  }

  /** Until somebody answers that it is cancelled, or has ended. */
  async #cancel(random: Random, id: string): Promise<void> {
    for (;;) {
      const { status } = await this.#post(random, `/v1/jobs/${id}/cancel`, undefined);
      if (status === 202 || status === 409) return;
      await pace(500);
    }
  }

  async #post(random: Random, path: string, json: unknown): Promise<{ status: number; body: JobResource | undefined }> {
    const urls = this.#field.apis.flatMap(({ url }) => url ?? []);
    if (urls.length === 0) return { status: 0, body: undefined };
    try {
      const response = await fetch(random.pick(urls) + path, {
        method: 'POST',
        ...(json === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) }),
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      return { status: response.status, body: (await response.json()) as JobResource };
    } catch {
      return { status: 0, body: undefined }; // killed, or cut off: whether it was stored is not known
    }
  }
}
