import { AppError } from '../shared/errors.ts';
import type { Engine } from './engine.ts';

const DAY_MS = 86_400_000;
/** Waiting jobs come and go: nobody knows when the next one goes. */
const QUEUED_RETRY_MS = 1000;

/** The jobs of one call that may wait, and why the others may not. */
export interface Admission<Job> {
  admitted: readonly Job[];
  refused: Map<string, AppError>;
  /** Gives back the places of those of the admitted that were not recorded. To be called once, whatever happens. */
  release(recordedIds: ReadonlySet<string>): void;
}

/**
 * Asks whether the tenants of these jobs may have so many waiting ones; the first of them may, in their order. Costs
 * nothing for tenants without that limit.
 * @throws STORE_UNAVAILABLE
 */
export async function admitJobs<Job extends { id: string; tenant: string }>(
  { limits }: Engine,
  jobs: readonly Job[],
): Promise<Admission<Job>> {
  const isWatched = ({ tenant }: Job) => limits.of(tenant)?.maxQueued != null;
  if (!jobs.some(isWatched)) return { admitted: jobs, refused: new Map(), release: () => undefined };
  const refused = new Map<string, AppError>();
  const reserved = new Map<string, number>();
  const release = (recordedIds: ReadonlySet<string>) => {
    for (const [tenant, places] of reserved) {
      const recorded = jobs.filter((job) => job.tenant === tenant && recordedIds.has(job.id)).length;
      limits.settleQueued(tenant, places, recorded);
    }
  };
  try {
    for (const [tenant, own] of Map.groupBy(jobs.filter(isWatched), (job) => job.tenant)) {
      const maxQueued = limits.of(tenant)?.maxQueued;
      if (maxQueued == null) continue; // it was taken away meanwhile
      const places = await limits.reserveQueued(tenant, maxQueued, own.length);
      reserved.set(tenant, places);
      for (const { id } of own.slice(places)) refused.set(id, tooManyQueued(tenant, maxQueued));
    }
  } catch (error) {
    release(new Set());
    throw error;
  }
  return { admitted: jobs.filter(({ id }) => !refused.has(id)), refused, release };
}

function tooManyQueued(tenant: string, maxQueued: number): AppError {
  const detail = `the tenant "${tenant}" has ${maxQueued} waiting jobs, which is its limit (maxQueued)`;
  return new AppError('TENANT_LIMIT_REACHED', detail, { retryAfterMs: QUEUED_RETRY_MS });
}

/** The refusal of a job beyond `maxPerDay`. */
export function tooManyToday({ limits, clock }: Engine, tenant: string): AppError {
  const maxPerDay = limits.of(tenant)?.maxPerDay;
  const allowed = maxPerDay == null ? '' : ` ${maxPerDay}`;
  const detail = `the tenant "${tenant}" has enqueued its${allowed} jobs of this day (maxPerDay); the next begins at midnight UTC`;
  return new AppError('TENANT_LIMIT_REACHED', detail, { retryAfterMs: DAY_MS - (clock.now() % DAY_MS) });
}
