import type { Database } from './database.ts';
import { type JobRow, jobColumns } from './job-row.ts';

export function createExpiryStore(database: Database) {
  return {
    /**
     * Jobs that were not started in time; one that has run once never expires. Ending them is a guarded transition of its
     * own. Walks `jobs_expiry`.
     */
    findExpired(limit: number): Promise<JobRow[]> {
      return database.query<JobRow>(
        `select ${jobColumns('j')}
         from longshore.jobs j
         where j.expires_at <= now() and j.status in ('scheduled', 'queued') and j.started_at is null
         order by j.expires_at
         limit $1`,
        [limit],
      );
    },
  };
}
