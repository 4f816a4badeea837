import { openPool } from '../servers/pool.ts';

/** How the copies differ from the row that they are made of: SQL for a column, with `g` for the copy's number from 1. */
type Changes = Record<string, string>;

// From two to six days ago, the oldest first, as if they had run one after the other.
const past = (count: number) => `now() - interval '6 days' + interval '4 days' * (g::double precision / ${count})`;

/** Copies a job that has finished many times: its copies finished two to six days ago. */
export async function addFinishedJobs(url: string, count: number): Promise<void> {
  const at = past(count);
  const id = `uuidv7(${at} - now())`; // PostgreSQL 18
  const changes = { id, created_at: at, run_at: at, started_at: at, finished_at: at };
  await copyRow(url, `status = 'completed' and webhook is null`, count, changes);
}

/** Copies a job that waits many times; none of the copies has been handed to BullMQ. */
export function addQueuedJobs(url: string, count: number): Promise<void> {
  return copyRow(url, `status = 'queued'`, count, { id: 'uuidv7()', dispatched_at: 'null' });
}

/** Counts the jobs that {@link addFinishedJobs} made and that are still there. */
export async function countOldJobs(url: string): Promise<number> {
  const pool = openPool(url, 1);
  const text = `select count(*)::int as jobs from longshore.jobs where finished_at < now() - interval '1 day'`;
  try {
    return (await pool.query<{ jobs: number }>(text)).rows[0]?.jobs ?? 0;
  } finally {
    await pool.end();
  }
}

// A row that the program itself made is copied, so that no column has to be known here but those that change.
async function copyRow(url: string, condition: string, count: number, changes: Changes): Promise<void> {
  const pool = openPool(url, 1);
  try {
    const { rows } = await pool.query<{ name: string }>(
      `select column_name as name
       from information_schema.columns
       where table_schema = 'longshore' and table_name = 'jobs' and is_generated = 'NEVER'
       order by ordinal_position`,
    );
    const names = rows.map(({ name }) => name);
    const values = names.map((name) => changes[name] ?? `j.${name}`);
    const { rowCount } = await pool.query(
      `insert into longshore.jobs (${names.join(', ')})
       select ${values.join(', ')}
       from (select * from longshore.jobs where ${condition} limit 1) j
       cross join generate_series(1, ${count}) g`,
    );
    if (rowCount !== count) throw new Error(`${rowCount} of ${count} rows could be made: no job is ${condition}`);
    await pool.query('vacuum (analyze) longshore.jobs');
  } finally {
    await pool.end();
  }
}
