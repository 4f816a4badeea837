import { onTestFinished } from 'vitest';
import { runSql } from '../support/postgres.ts';
import type { Installation, Program, Settings } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

/** What `stage:four` returns. */
export const resultOf = (n: number) => 9 * n + 20;

/** Every step of `stage:four`, with its place among many. */
export const FOUR = [
  'stage:add#1',
  ...[0, 1, 2].map((index) => `stage:add#2[${index}]`),
  ...[0, 1, 2].map((index) => `stage:add#3[${index}]`),
  'stage:add#4',
];

/** What the record says of a pipeline's steps: `stage:add#2[0] completed`, in order. */
export async function stepsOf(installation: Installation, id: string): Promise<string[]> {
  const rows = await query<{ step: string }>(
    installation,
    `select step_key || coalesce('[' || step_index || ']', '') || ' ' || status as step
     from longshore.jobs
     where parent_id = $1
     order by step_key, step_index`,
    [id],
  );
  return rows.map(({ step }) => step);
}

export function query<Row extends object>(installation: Installation, text: string, values: unknown[] = []) {
  return runSql<Row>(installation.settings.DATABASE_URL ?? '', text, values);
}

/** Waits until no pipeline is open, with one query for all. */
export async function allEnded(installation: Installation, timeoutMs: number): Promise<void> {
  let open: object[] = [];
  const haveEnded = async () => {
    open = await query(installation, 'select id, type, status from longshore.jobs where finished_at is null limit 5');
    return open.length === 0;
  };
  await waitFor(haveEnded, { describe: 'every job has ended', timeoutMs, intervalMs: 100 }).catch((error: unknown) => {
    throw new Error(`${String(error)}\nsome of the others: ${JSON.stringify(open)}`);
  });
}

/** Keeps so many workers running: one that ends is followed by another, until the test ends. */
export function keepWorkers(installation: Installation, count: number, settings: Settings = {}): { deaths: number } {
  const kept = { deaths: 0 };
  let isOver = false;
  const running = new Set<Program>();
  onTestFinished(async () => {
    isOver = true;
    await Promise.all([...running].map((worker) => worker.stop('SIGKILL')));
  });
  const keep = async () => {
    while (!isOver) {
      const worker = installation.launch({ MODE: 'worker', ...settings });
      running.add(worker);
      await worker.ended;
      running.delete(worker);
      kept.deaths += 1;
    }
  };
  for (let place = 0; place < count; place += 1) void keep();
  return kept;
}
