import type { CallOptions, Client } from '../../client.ts';
import type { JobResource, LogLineResource } from '../../contract/job.ts';
import { LIST_LIMIT_MAX } from '../../contract/list.ts';

/** Of a job that writes without end, at each look. */
const LOG_PAGES_MAX = 5;
const LOG_LINES_KEPT = 200;

/** Reads a job and the end of its log; pages that were full are not read again. */
export interface JobReader {
  readonly id: string;
  read(call: CallOptions): Promise<{ job: JobResource; logs: LogLineResource[] }>;
}

export function createJobReader({ jobs }: Client, id: string): JobReader {
  let cursor: string | undefined;
  let known: LogLineResource[] = [];
  return {
    id,
    async read(call) {
      const job = await jobs.get(id, call);
      let logs = known;
      for (let pages = 0; pages < LOG_PAGES_MAX; pages += 1) {
        const page = await jobs.logs(id, { limit: LIST_LIMIT_MAX, cursor }, call);
        logs = [...known, ...page.items].slice(-LOG_LINES_KEPT);
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
        known = logs;
      }
      return { job, logs };
    },
  };
}
