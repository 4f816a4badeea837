import type { JobStatus } from '../contract/job.ts';
import type { Database } from './database.ts';
import { describeQueues, describeTotals, IS_SMALL, type Size } from './overview-statements.ts';
import type { TenantScope } from './scope.ts';

export interface QueueOverview {
  name: string;
  isPaused: boolean;
  counts: Partial<Record<JobStatus, number>>;
  oldestWaitMs: number | null;
  finishedLastMinute: number;
  workers: number;
}

export interface TotalsOverview {
  counts: Partial<Record<JobStatus, number>>;
  completedLastMinute: number;
  failedLastMinute: number;
  workers: number;
  webhooks: { pending: number; failed: number };
}

/** Counts for people, and the switches of queues. A worker counts while its lease holds. */
export function createOverviewStore(database: Database) {
  async function measureTable(): Promise<Size> {
    const [row] = await database.query<Size>(IS_SMALL);
    return { isSmall: row?.isSmall ?? true };
  }

  return {
    /** Makes sure that a queue has its row, which pausing and rate limits need. */
    async ensureQueue(name: string): Promise<void> {
      await database.query(`insert into longshore.queues (name) values ($1) on conflict do nothing`, [name]);
    },

    async setPaused(name: string, isPaused: boolean): Promise<void> {
      await database.query(
        `insert into longshore.queues (name, is_paused) values ($1, $2) on conflict (name) do update set is_paused = excluded.is_paused`,
        [name, isPaused],
      );
    },

    /** Counts are those of the scope; which queues there are, are paused or are served is no secret. */
    async queues(scope: TenantScope): Promise<QueueOverview[]> {
      return database.query<QueueOverview>(describeQueues(scope, await measureTable()), parametersOf(scope));
    },

    async totals(scope: TenantScope): Promise<TotalsOverview> {
      const text = describeTotals(scope, await measureTable());
      const [row] = await database.query<TotalsOverview>(text, parametersOf(scope));
      if (!row) throw new Error('an aggregate without rows');
      return row;
    },
  };
}

const parametersOf = (scope: TenantScope) => (scope === 'all' ? [] : [scope.tenant]);
