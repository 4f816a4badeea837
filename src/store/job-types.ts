import type { Database } from './database.ts';

/** What `longshore.enqueue` in SQL has to know of a job type. */
export interface JobTypeDefaults {
  type: string;
  queue: string;
  attempts: number;
  timeoutMs: number;
  maxInputBytes: number;
}

/** The job types that programs know: what an application may enqueue within its own transactions. */
export function createJobTypeStore(database: Database) {
  return {
    /** Writes down what is new or different. Types that only others know stay. */
    async record(types: readonly JobTypeDefaults[]): Promise<void> {
      await database.query(RECORD, [JSON.stringify(types)]);
    },
  };
}

// In one order everywhere: programs that start together must not wait for each other.
const RECORD = `
  insert into longshore.job_types as t (type, queue, attempts, timeout_ms, max_input_bytes)
  select r.type, r.queue, r.attempts, r."timeoutMs", r."maxInputBytes"
  from jsonb_to_recordset($1::jsonb) as r(
    type text, queue text, attempts integer, "timeoutMs" bigint, "maxInputBytes" integer)
  order by r.type
  on conflict (type) do update
  set queue = excluded.queue,
    attempts = excluded.attempts,
    timeout_ms = excluded.timeout_ms,
    max_input_bytes = excluded.max_input_bytes,
    updated_at = now()
  where (t.queue, t.attempts, t.timeout_ms, t.max_input_bytes)
    is distinct from (excluded.queue, excluded.attempts, excluded.timeout_ms, excluded.max_input_bytes)`;
