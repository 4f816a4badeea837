import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtinJobs } from '../../src/builtin/index.ts';
import { createClient } from '../../src/client.ts';
import { type StartedWorlds, startWorlds } from '../../test/support/start-worlds.ts';
import { worlds } from '../../test/support/worlds/worlds.ts';
import type { Plan } from '../plan.ts';
import { ADMIN_KEY, startProgram } from '../programs/longshore-program.ts';
import type { LoopReport } from '../programs/watch-loop.ts';
import { type LongshoreName, longshoreNames } from './http.ts';
import type { Figure } from './measurement.ts';
import type { Stage } from './stage.ts';
import { interleave, type SuiteContext, type SuiteResult } from './suite.ts';

/** Jobs of all types that are under way beside the large ones, and the concurrency of each queue. */
const LANES = 50;
const WATCH = new URL('../programs/watch-loop.ts', import.meta.url).href;
/** ffmpeg works in processes of its own; what is measured here is the worker. */
const isMeasured = (type: string) => !type.startsWith('video:');

const ROWS_QUERY = `
import { defineQuery, z } from 'longshore';

export const benchRows = defineQuery({
  name: 'bench-rows',
  parameters: z.object({ rows: z.int() }),
  sql: \`select n as id, 'customer ' || n as name, n * 1.5 as amount, now() - n * interval '1 second' as created_at,
           'a note of some length, as people write them ' || md5(n::text) as note
         from generate_series(1, $1::bigint) n\`,
  values: ({ rows }) => [rows],
});
`;

/** One worker that exports many rows and hashes a large file beside jobs of every other type. */
export function measureCatalogue(context: SuiteContext): Promise<SuiteResult> {
  const cases = longshoreNames
    .filter((name) => context.plan.contestants.includes(name))
    .map((name) => ({ name, measure: () => measureWorker(context, name) }));
  return interleave('catalogue', cases, context);
}

async function measureWorker({ plan, stages }: SuiteContext, subject: LongshoreName): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-bench-catalogue-'));
  const started = await startWorlds(
    worlds.filter(({ types }) => types.some(isMeasured)),
    folder,
  );
  try {
    writeFileSync(join(folder, 'jobs', 'bench-rows.ts'), ROWS_QUERY);
    const largeFile = join(folder, 'large.bin');
    writeFileSync(largeFile, '');
    truncateSync(largeFile, plan.hashedBytes);
    const reportFile = join(folder, 'loop.json');
    const environment = {
      ...started.settings,
      STORAGE_DIR: join(folder, 'storage'),
      QUEUE_CONCURRENCY: String(LANES),
    };
    return await stages.on(subject, { environment }, async (stage) => {
      const { others, exportMs, hashMs } = await runAll(stage, subject, started, { reportFile, largeFile }, plan);
      const report = JSON.parse(readFileSync(reportFile, 'utf8')) as LoopReport;
      return [
        { work: 'peak memory', subject, unit: 'MB', sample: { value: report.peakMb } },
        { work: 'event loop delay, p99', subject, unit: 'ms', sample: { value: report.p99Ms } },
        { work: 'event loop delay, longest', subject, unit: 'ms', sample: { value: report.maxMs } },
        { work: 'exporting the rows', subject, unit: 'ms', sample: { value: exportMs } },
        { work: 'hashing the file', subject, unit: 'ms', sample: { value: hashMs } },
        { work: 'jobs of all types meanwhile', subject, unit: 'jobs/s', sample: { value: others } },
      ];
    });
  } finally {
    await started.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function runAll(
  { settings }: Stage,
  transport: LongshoreName,
  started: StartedWorlds,
  { reportFile, largeFile }: { reportFile: string; largeFile: string },
  { exportedRows }: Plan,
): Promise<{ others: number; exportMs: number; hashMs: number }> {
  const api = await startProgram(settings, { mode: 'api', transport });
  // The first two as the deploy guide advises (Memory).
  const watched = {
    MALLOC_ARENA_MAX: '2',
    NODE_OPTIONS: `--max-semi-space-size=16 --import=${WATCH}`,
    WATCH_LOOP_FILE: reportFile,
  };
  const withWatch = { ...settings, environment: { ...settings.environment, ...watched } };
  const worker = await startProgram(withWatch, { mode: 'worker', transport });
  try {
    const client = createClient({ url: api.url, key: ADMIN_KEY });
    const run: Run = async (type, input, tenant) => {
      const startedAtMs = performance.now();
      const { id } = await client.jobs.create(type, input, { tenant });
      const { status, error } = await client.jobs.wait(id);
      if (status !== 'completed') throw new Error(`${type} ended as ${status}: ${error?.message}`);
      return performance.now() - startedAtMs;
    };
    const large = Promise.all([
      run('data:export', { query: 'bench-rows', parameters: { rows: exportedRows }, format: 'csv' }, 'large'),
      run('file:process', { source: largeFile }, 'large'),
    ]);
    const [[exportMs, hashMs], others] = await Promise.all([large, runOthers(run, started, large)]);
    return { exportMs, hashMs, others };
  } finally {
    await Promise.all([api.close(), worker.close()]); // then the worker has written its report
  }
}

/** Lanes are tenants: two downloads into one collection would give way to each other. @returns milliseconds */
type Run = (type: string, input: unknown, tenant: string) => Promise<number>;

/** Runs the examples of all types, one after the other in each lane, until `large` has ended. @returns jobs per second */
async function runOthers(run: Run, started: StartedWorlds, large: Promise<unknown>): Promise<number> {
  const examples = builtinJobs
    .filter(({ type }) => isMeasured(type))
    .flatMap(({ type, examples }) => examples.map(({ input }) => ({ type, input: started.toReal(input) })));
  const startedAtMs = performance.now();
  let isOver = false;
  let ended = 0;
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    for (let turn = lane; !isOver; turn += 1) {
      const example = examples[turn % examples.length];
      if (example) await run(example.type, example.input, `lane-${lane}`);
      ended += 1;
    }
  });
  const over = () => {
    isOver = true;
  };
  await Promise.all([...lanes, large.finally(over)]);
  return (ended / (performance.now() - startedAtMs)) * 1000;
}
