import { AppError } from '../shared/errors.ts';
import type { Engine } from './engine.ts';

const DAY_MS = 86_400_000;
/** Waiting jobs come and go: nobody knows when the next one goes. */
const QUEUED_RETRY_MS = 1000;

/** The jobs of one call that may wait, and why the others may not. */
export interface Admission<Job> {
  admitted: Job[];
  refused: Map<string, AppError>;
  /** Gives back the places of those of the admitted that were not recorded. */
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
  const refused = new Map<string, AppError>();
  const watched = Map.groupBy(jobs, ({ tenant }) => (limits.of(tenant)?.maxQueued == null ? undefined : tenant));
  watched.delete(undefined);
  for (const [tenant = '', own] of watched) {
    const maxQueued = limits.of(tenant)?.maxQueued ?? Infinity; // it may have been taken away meanwhile
    if (maxQueued === Infinity) continue;
    const places = await limits.reserveQueued(tenant, maxQueued, own.length);
    for (const { id } of own.slice(places)) refused.set(id, tooManyQueued(tenant, maxQueued));
  }
  const admitted = refused.size === 0 ? [...jobs] : jobs.filter(({ id }) => !refused.has(id));
  return {
    admitted,
    refused,
    release(recordedIds) {
      for (const { id, tenant } of admitted) {
        if (watched.has(tenant) && !recordedIds.has(id)) limits.releaseQueued(tenant, 1);
      }
    },
  };
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
