import { type Drift, type DriftKind, driftKinds } from '../engine/upkeep/drift.ts';
import { prepare, requireDatabase } from './admin-database.ts';
import { type CliContext, printJson } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { formatCount } from './format.ts';
import { type Column, renderTable } from './table.ts';

const DONE: Record<DriftKind, string> = {
  missing: 'BullMQ did not hold a job that it should: handed over anew',
  finished: 'BullMQ counted a job as finished that has not ended: handed over anew',
  overdue: 'BullMQ had not woken a job that is due: handed over anew',
  orphaned: 'BullMQ held a delivery without a job to run: dropped',
  unpaused: 'BullMQ served a queue that is paused: paused again',
  lost_run: 'the worker of a run is gone: the job runs again',
  unwoken: 'a pipeline waited for nothing, or a step went on without it: woken, or cancelled',
};

interface Row {
  kind: DriftKind;
  count: number;
}

/** `longshore admin reconcile`. */
export async function runReconcile(cli: CliContext, isJson: boolean): Promise<void> {
  const repairs = await repair(cli, isJson);
  if (isJson) printJson(cli, { repairs });
  else printRepairs(cli, repairs);
  // What job files have opened must not hold the command.
  setTimeout(() => process.exit(exitCodes.done), 0).unref();
}

/** Puts the program together, with its job files, and starts none of it. */
async function repair(cli: CliContext, isJson: boolean): Promise<Drift> {
  const { env, log } = await prepare(cli, isJson ? 'error' : 'warn');
  await requireDatabase(env);
  const [{ assemble }, { loadJobs }, { repairNow }] = await Promise.all([
    import('../assemble.ts'),
    import('../define/load-jobs.ts'),
    import('../engine/upkeep/repair.ts'),
  ]);
  const jobs = await loadJobs(env.jobsDir, true);
  const program = await assemble({ env, jobs, version: 'admin', log });
  try {
    return await repairNow(program.engine);
  } finally {
    await program.stop();
  }
}

function printRepairs({ terminal }: CliContext, repairs: Drift): void {
  const rows: Row[] = driftKinds.map((kind) => ({ kind, count: repairs[kind] })).filter(({ count }) => count > 0);
  const tick = terminal.colors.green('✔');
  if (rows.length === 0) {
    terminal.print(`${tick} Nothing to repair: the record and the queues agree.`);
    return;
  }
  const columns: Column<Row>[] = [
    { title: 'REPAIRS', cell: ({ count }) => String(count), align: 'right' },
    { title: 'KIND', cell: ({ kind }) => kind },
    { title: 'WHAT', cell: ({ kind }) => DONE[kind], minWidth: 20, isWrapped: true },
  ];
  terminal.print(renderTable(rows, columns, terminal));
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  terminal.print(`\n${tick} ${formatCount(total, 'repair')} done. Jobs go on when a program runs.`);
}
