import type { Signals } from '../queue/signals.ts';
import { isAppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import type { Outbound } from '../shared/outbound.ts';
import { parseRetryAfterMs } from '../shared/time.ts';
import { signWebhook } from '../shared/webhook-signature.ts';
import type { DueDelivery, TryResult } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Loop } from './loop.ts';

const S = 1000;
const MIN = 60 * S;
const H = 60 * MIN;
/** Waits between tries, as Standard Webhooks recommends: a little over three days in all. */
export const RETRY_SCHEDULE_MS = [0, 5 * S, 5 * MIN, 30 * MIN, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H] as const;
export const TRY_TIMEOUT_MS = 15 * S;
const LEASE_MS = 60 * S;
/** Tries that a process makes at the same time. */
const CONCURRENCY = 20;
const POLL_MS = 1000;
/** What a wait may be longer than planned, as a part of it. */
export const JITTER = 0.2;

/** What an endpoint answered, or why it did not. */
export type Answer = { statusCode: number; retryAfterMs: number | undefined } | { fault: string; isRefused: boolean };

/**
 * Decides what a try means. Only 2xx is success; 410 ends the deliveries to that address. Pure.
 * @param tries tries that came before this one
 * @param random 0 ≤ random < 1, for the jitter
 */
export function judgeTry(id: string, tries: number, answer: Answer, random: number): TryResult {
  if ('statusCode' in answer && answer.statusCode >= 200 && answer.statusCode < 300) {
    return { id, status: 'delivered', statusCode: answer.statusCode, error: null, retryInMs: null };
  }
  const statusCode = 'statusCode' in answer ? answer.statusCode : null;
  const error = 'fault' in answer ? answer.fault : `answered ${answer.statusCode}`;
  if (statusCode === 410) return { id, status: 'disabled', statusCode, error: 'answered 410 Gone', retryInMs: null };
  const waitMs = RETRY_SCHEDULE_MS[tries + 1];
  const isRefused = 'fault' in answer && answer.isRefused;
  if (waitMs === undefined || isRefused) return { id, status: 'failed', statusCode, error, retryInMs: null };
  const retryAfterMs = 'statusCode' in answer ? (answer.retryAfterMs ?? 0) : 0;
  const retryInMs = Math.max(Math.round(waitMs * (1 + JITTER * random)), Math.min(retryAfterMs, 24 * H));
  return { id, status: 'pending', statusCode, error, retryInMs };
}

export interface WebhookSenderOptions {
  store: Store;
  outbound: Outbound;
  signals: Signals;
  secret: string;
  userAgent: string;
  log: Logger;
}

/** Sends what is in the outbox. Several processes may do so side by side: each takes deliveries for itself. */
export class WebhookSender {
  readonly #options: WebhookSenderOptions;
  readonly #loop: Loop;
  readonly #stopping = new AbortController();
  readonly #sending = new Set<Promise<void>>();
  #unsubscribe: () => void = () => undefined;

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
    this.#loop = new Loop('sending webhooks', options.log, () => this.#sendDue());
  }

  start(): void {
    this.#unsubscribe = this.#options.signals.subscribe('webhook', () => this.#loop.wake());
    this.#loop.start();
  }

  /** Gives up what is being sent; its lease ends and it is sent again. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    await this.#loop.stop();
    await Promise.all(this.#sending);
  }

  async #sendDue(): Promise<number> {
    const { deliveries } = this.#options.store;
    const free = CONCURRENCY - this.#sending.size;
    const due = free > 0 ? await deliveries.claimDue(free, LEASE_MS) : [];
    for (const delivery of due) this.#begin(delivery);
    if (free === 0) return POLL_MS; // the end of a try wakes the loop
    if (due.length > 0) return 0;
    return Math.min(POLL_MS, (await deliveries.nextDueMs()) ?? POLL_MS);
  }

  // Not awaited: an endpoint that is slow must not hold up the others.
  #begin(delivery: DueDelivery): void {
    const { log } = this.#options;
    const task = this.#send(delivery)
      .catch((error: unknown) =>
        log.warn('a try of a webhook was not recorded; it is repeated', { webhook: delivery.id, error }),
      )
      .finally(() => {
        this.#sending.delete(task);
        this.#loop.wake();
      });
    this.#sending.add(task);
  }

  async #send(delivery: DueDelivery): Promise<void> {
    const answer = await this.#post(delivery);
    if (this.#stopping.signal.aborted && 'fault' in answer) return; // not the endpoint's fault: sent again by its lease
    const result = judgeTry(delivery.id, delivery.tries, answer, Math.random());
    await this.#options.store.deliveries.recordTry(result, delivery.lease);
    const { jobId, batchId } = delivery;
    const fields = { ...(jobId === null ? { batchId } : { jobId }), webhook: delivery.id, event: delivery.event };
    if (result.status === 'delivered') this.#options.log.info('webhook delivered', fields);
    else
      this.#options.log.warn(`webhook not delivered: ${result.error}`, {
        ...fields,
        status: result.status,
        retryInMs: result.retryInMs,
      });
  }

  async #post({ id, url, body }: DueDelivery): Promise<Answer> {
    const { outbound, secret, userAgent } = this.#options;
    try {
      const response = await outbound.fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': userAgent,
          ...signWebhook(secret, id, new Date(), body),
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(TRY_TIMEOUT_MS), this.#stopping.signal]),
      });
      await response.body?.cancel();
      return {
        statusCode: response.status,
        retryAfterMs: parseRetryAfterMs(response.headers.get('retry-after'), Date.now()),
      };
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : '';
      return { fault: `${messageOf(error)}${cause}`.slice(0, 1000), isRefused: isAppError(error, 'ADDRESS_REFUSED') };
    }
  }
}
