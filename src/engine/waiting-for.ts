import type { WaitingFor } from '../contract/waiting.ts';
import { endsWithin } from '../shared/time.ts';
import type { JobRow } from '../store/job-row.ts';
import type { WaitingFacts } from '../store/waiting.ts';
import type { Engine } from './engine.ts';

/** How long BullMQ may take to tell of its rate limit. */
const TRANSPORT_GRACE_MS = 200;

export type WaitingJob = Pick<JobRow, 'status' | 'runAt' | 'gate' | 'dispatchedAt'>;

/** The first thing that would have to change before the job can start, and until when it lasts, where that is known. */
export interface Reason {
  reason: WaitingFor['reason'];
  /** Milliseconds from now. */
  untilMs: number | null;
}

/**
 * Decides what a job waits for. Pure. What only time or its own steps can change comes first, then what somebody has to do, then what
 * passes as others end.
 * @param facts of a queued job; others need none
 * @returns undefined for a job that runs or has ended
 */
export function decideReason(job: WaitingJob, facts: WaitingFacts | undefined, nowMs: number): Reason | undefined {
  if (job.status === 'scheduled' || job.status === 'retrying') {
    return { reason: 'delay', untilMs: Math.max(0, job.runAt.getTime() - nowMs) };
  }
  if (job.status === 'waiting') return { reason: 'steps', untilMs: null };
  if (job.status !== 'queued' || !facts) return undefined;
  if (facts.isPaused) return { reason: 'queue_paused', untilMs: null };
  if (facts.workers === 0) return { reason: 'no_worker', untilMs: null };
  if (job.gate === 'rate_limit') return { reason: 'rate_limit', untilMs: facts.keyWindowMs };
  if (job.gate !== null) return { reason: 'concurrency_key', untilMs: null };
  if (facts.isTenantFull && job.dispatchedAt === null) return { reason: 'tenant_limit', untilMs: null };
  if (facts.queueWindowMs !== null) return { reason: 'rate_limit', untilMs: facts.queueWindowMs };
  return { reason: 'backlog', untilMs: null };
}

/** Tells why a job does not run; null while it runs and when it has ended. @throws STORE_UNAVAILABLE */
export async function findWaitingFor(engine: Engine, job: JobRow): Promise<WaitingFor | null> {
  const facts = job.status === 'queued' ? await readFacts(engine, job) : undefined;
  const nowMs = engine.clock.now();
  const found = decideReason(job, facts, nowMs);
  if (!found) return null;
  const { reason, untilMs } = found;
  const position = await countBefore(engine, job, reason);
  const until = untilMs === null ? {} : { until: new Date(nowMs + untilMs).toISOString() };
  return { reason, position, etaMs: estimateMs(found, position, facts), ...until };
}

async function readFacts(engine: Engine, job: JobRow): Promise<WaitingFacts> {
  const rate = engine.registry.queues.get(job.queue)?.rateLimit;
  const { held } = engine.transports.of(job.queue);
  const facts = await engine.store.waiting.facts(job, held ? undefined : rate);
  if (!held || !rate) return facts;
  // BullMQ keeps the window of such a queue itself; one that is away limits nothing.
  let queueWindowMs: number | null = null;
  const asked = held.rateLimitedMs(job.queue, rate.max).then(
    (ms) => {
      queueWindowMs = ms > 0 ? ms : null;
    },
    (error: unknown) => engine.log.debug('BullMQ did not tell of its rate limit', { queue: job.queue, error }),
  );
  await endsWithin(asked, TRANSPORT_GRACE_MS);
  return { ...facts, queueWindowMs };
}

async function countBefore({ store }: Engine, job: JobRow, reason: WaitingFor['reason']): Promise<number | null> {
  switch (reason) {
    case 'concurrency_key':
      return store.waiting.countBeforeOfKey(job);
    case 'tenant_limit':
      return store.waiting.countBeforeOfTenant(job);
    case 'rate_limit':
      if (job.gate !== null) return store.waiting.countBeforeOfKey(job);
      return countBeforeInQueue(store, job);
    case 'backlog':
      return countBeforeInQueue(store, job);
    default:
      return null; // it does not depend on others
  }
}

function countBeforeInQueue({ waiting }: Engine['store'], job: JobRow): Promise<number> {
  return job.dispatchedAt === null ? waiting.countBeforeInBacklog(job) : waiting.countBeforeInBullMq(job);
}

/** As the queue's last minute went. A wait that others' jobs decide alone is not guessed. */
function estimateMs(
  { reason, untilMs }: Reason,
  position: number | null,
  facts: WaitingFacts | undefined,
): number | null {
  if (reason === 'delay') return untilMs;
  if (reason !== 'backlog' || position === null || !facts?.perMinute) return null;
  return Math.round(((position + 1) * 60_000) / facts.perMinute);
}
