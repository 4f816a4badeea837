import type { AppError } from '../../shared/errors.ts';
import type { JobRow } from '../../store/job-row.ts';
import { encodeJob } from '../../store/jobs.ts';
import type { Store } from '../../store/store.ts';
import { admitJobs, tooManyToday } from '../admission.ts';
import type { Engine } from '../engine.ts';
import type { PreparedJob } from '../record-jobs.ts';

export interface Inserted {
  /** The new jobs, to be handed over after the commit. */
  rows: JobRow[];
  /** Those that a limit of their tenant keeps out. */
  refused: Map<string, AppError>;
}

/** Records jobs that their tenants may have, in a transaction of the caller. */
export async function insertJobs(engine: Engine, store: Store, jobs: readonly PreparedJob[]): Promise<Inserted> {
  const admission = await admitJobs(engine, jobs);
  const { refused } = admission;
  const rows: JobRow[] = [];
  try {
    const placed = admission.admitted.map((job) => ({ ...job, isHandedOver: false }));
    const [counted, free] = partition(placed, ({ tenant }) => engine.limits.of(tenant)?.maxPerDay != null);
    if (free.length > 0) rows.push(...(await store.jobs.insert(free)));
    const results = counted.length === 0 ? [] : await store.tenantDays.insert(counted.map(encodeJob));
    for (const [index, { id, tenant }] of counted.entries()) {
      const result = results[index];
      if (result?.kind === 'inserted') rows.push(result.row);
      if (result?.kind === 'over_limit') refused.set(id, tooManyToday(engine, tenant));
    }
    return { rows, refused };
  } finally {
    admission.release(new Set(rows.map(({ id }) => id)));
  }
}

function partition<Item>(items: readonly Item[], holds: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))];
}
