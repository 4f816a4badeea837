import type { JobStatus } from '../../src/contract/job.ts';
import { isTerminal } from '../../src/contract/job.ts';
import type { Harness } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

/** A job of a step, as the record has it. */
export interface ChildRow {
  id: string;
  key: string;
  index: number | null;
  type: string;
  status: JobStatus;
  attempt: number;
}

/** The jobs of a pipeline's steps, by step and place. */
export function childrenOf(harness: Harness, id: string): Promise<ChildRow[]> {
  return harness.sql<ChildRow>(
    `select id, step_key as key, step_index as index, type, status, attempt
     from longshore.jobs
     where parent_id = $1 and step_key is not null
     order by step_key, step_index`,
    [id],
  );
}

/** The keys of what a pipeline has called, in the order of the calls. */
export async function keysOf(harness: Harness, id: string): Promise<string[]> {
  const rows = await harness.sql<{ key: string }>(
    'select key from longshore.pipeline_steps where pipeline_id = $1 order by position',
    [id],
  );
  return rows.map(({ key }) => key);
}

/** Waits until no job of a pipeline's steps is left that has not ended. */
export function childrenEnded(harness: Harness, id: string): Promise<boolean> {
  return waitFor(async () => (await childrenOf(harness, id)).every(({ status }) => isTerminal(status)), {
    describe: `the steps of ${id} have ended`,
  });
}

/** What a pipeline wrote with `ctx.log`, as it is stored. */
export async function linesOf(harness: Harness, id: string): Promise<string[]> {
  const rows = await harness.engine.store.journal.logs(id, { fence: 0, seq: 0 }, 1000);
  return rows.map(({ message }) => message);
}
