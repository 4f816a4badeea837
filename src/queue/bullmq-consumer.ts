import { DelayedError, type Job, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Failure } from '../shared/failure.ts';
import { messageOf } from '../shared/failure.ts';
import { endsWithin } from '../shared/time.ts';
import type { Logger } from '../telemetry/logger.ts';
import { KEEP_FINISHED, toOffer } from './bullmq-jobs.ts';
import { isConnectionFault } from './redis.ts';
import type { ConsumeOptions, Consumer, RunOffer, Verdict } from './transport.ts';

export interface BullMqConsumerOptions {
  redis: Redis;
  prefix: string;
  lockDurationMs: number;
  stalledIntervalMs: number;
  log: Logger;
}

// The engine counts lost workers in the record and ends a job that takes too many; BullMQ must not end it before.
const MAX_STALLED = 1_000_000;
/** BullMQ fills all free slots, one fetch after the other, before it starts the first job; so they are opened little by little. */
const AHEAD = 10;
/** How long a stop waits for Redis after the last run has ended. */
const CLOSE_TIMEOUT_MS = 2000;

/** A BullMQ worker whose every decision was made, and recorded, by the engine. */
export class BullMqConsumer implements Consumer {
  readonly #transport: BullMqConsumerOptions;
  readonly #options: ConsumeOptions;
  readonly #run: RunOffer;
  #worker: Worker | undefined;
  #isSuspended = false;
  #isStopping = false;
  readonly #runs = new Set<Promise<Verdict>>();

  constructor(transport: BullMqConsumerOptions, options: ConsumeOptions, run: RunOffer) {
    this.#transport = transport;
    this.#options = options;
    this.#run = run;
  }

  get running(): number {
    return this.#runs.size;
  }

  async start(): Promise<void> {
    if (this.#worker) return;
    const { redis, prefix, lockDurationMs, stalledIntervalMs, log } = this.#transport;
    const { queue, concurrency, rateLimit } = this.#options;
    const skipVersionCheck = !(await tellsVersion(redis));
    if (this.#isStopping) return;
    const worker: Worker = new Worker(queue, (job, token) => this.#process(worker, job, token), {
      connection: redis,
      prefix,
      skipVersionCheck,
      concurrency: Math.min(concurrency, AHEAD),
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      maxStalledCount: MAX_STALLED,
      removeOnComplete: { count: KEEP_FINISHED },
      removeOnFail: { count: KEEP_FINISHED },
      ...(rateLimit ? { limiter: { max: rateLimit.max, duration: rateLimit.durationMs } } : {}),
    });
    this.#worker = worker;
    if (this.#isSuspended) this.suspend();
    worker.on('error', (error) => {
      log[isConnectionFault(error) ? 'debug' : 'warn'](`BullMQ: ${messageOf(error)}`, { queue });
    });
    worker.on('stalled', (id) =>
      log.warn('a delivery stalled: its worker is gone or blocked', { queue, delivery: id }),
    );
    await worker.waitUntilReady();
  }

  suspend(): void {
    this.#isSuspended = true;
    this.#tell((worker) => worker.pause(true));
  }

  resume(): void {
    this.#isSuspended = false;
    this.#tell((worker) => worker.resume());
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const closed = this.#worker?.close();
    do {
      await Promise.all(this.#runs);
      // BullMQ has still to hear of the last ends. A Redis that is away must not hold the stop: the record has them.
      if (closed) await endsWithin(closed, CLOSE_TIMEOUT_MS);
    } while (this.#runs.size > 0); // one whose fetch was under way
  }

  #tell(command: (worker: Worker) => Promise<void>): void {
    const { log } = this.#transport;
    if (!this.#worker) return;
    command(this.#worker).catch((error: unknown) =>
      log.warn('a BullMQ worker did not pause or resume', { queue: this.#options.queue, error }),
    );
  }

  async #process(worker: Worker, job: Job, token: string | undefined): Promise<unknown> {
    const run = this.#run(toOffer(this.#options.queue, job), () => {});
    this.#runs.add(run);
    this.#openSlots(worker);
    return obey(job, token, await run.finally(() => this.#runs.delete(run)));
  }

  #openSlots(worker: Worker): void {
    const wanted = Math.min(this.#options.concurrency, this.#runs.size + AHEAD);
    if (wanted > worker.concurrency) worker.concurrency = wanted;
  }
}

// Unless BullMQ knows the version, it waits whole seconds for a job that is delayed, as a Redis before 6 has to. It would not
// start where a provider forbids the command.
async function tellsVersion(redis: Redis): Promise<boolean> {
  try {
    return (await redis.info('server')).includes('redis_version');
  } catch {
    return false;
  }
}

/** Makes BullMQ do what the record already says. */
async function obey(job: Job, token: string | undefined, verdict: Verdict): Promise<unknown> {
  switch (verdict.kind) {
    case 'completed':
      return verdict.output;
    case 'discarded':
    case 'suspended':
      return forget(job);
    case 'failed':
      job.opts.attempts = 0;
      throw toError(verdict.error);
    case 'retry':
      if (verdict.isParked) return forget(job);
      job.opts.attempts = job.attemptsMade + 2;
      job.opts.backoff = { type: 'fixed', delay: verdict.delayMs };
      throw toError(verdict.error);
    case 'later':
    case 'unrecorded':
      if (verdict.kind === 'later' && verdict.isParked) return forget(job);
      await job.moveToDelayed(Date.now() + verdict.delayMs, token);
      throw new DelayedError();
    case 'put_back':
      await job.moveToWait(token);
      throw new WaitingError();
  }
}

/** Ends a delivery without a trace. */
function forget(job: Job): null {
  job.opts.removeOnComplete = true;
  return null;
}

function toError(failure: Failure): Error {
  const error = new Error(failure.message);
  error.name = failure.name;
  if (failure.stack) error.stack = failure.stack;
  return error;
}
