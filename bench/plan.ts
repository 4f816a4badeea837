import { parseArgs } from 'node:util';
import { type ContestantName, contestantNames } from './contestants/commands.ts';

export const suiteNames = [
  'enqueue',
  'bulk',
  'run',
  'steady',
  'latency',
  'http',
  'memory',
  'start',
  'growth',
  'catalogue',
  'search',
] as const;
export type SuiteName = (typeof suiteNames)[number];

/** What is measured, and how much of it. */
export interface Plan {
  suites: readonly SuiteName[];
  contestants: readonly ContestantName[];
  isQuick: boolean;
  /** How often each case is measured. */
  rounds: number;
  /** Jobs before each measurement, which let the compiler and the caches get warm. */
  warmUpJobs: number;
  /** How long a measurement should take; its number of jobs follows from the speed of the warm-up. */
  runMs: number;
  /** What takes longer is cut off there; its speed until then counts. */
  runLimitMs: number;
  /** How long a latency is measured for. */
  latencyMs: number;
  /** How long a process does nothing before its memory is read. */
  idleMs: number;
  /** Finished jobs that the table holds in `growth`. */
  grownRows: number;
  /** Jobs that `search` looks through. */
  searchedRows: number;
  /** Queued jobs that `memory` adds. */
  queuedRows: number;
  /** Rows that `catalogue` exports, and the size of the file that it hashes. */
  exportedRows: number;
  hashedBytes: number;
  /** A suite begins no new measurement after this. */
  suiteLimitMs: number;
  /** The same for all suites together. */
  limitMs: number;
  /** Whether docs/benchmarks.md gets the tables. */
  writesDocs: boolean;
}

export const USAGE = `npm run bench [-- suite…] [--quick] [--runs n] [--only contestant,…] [--write-docs]

  suite         ${suiteNames.join(', ')}; default: all
  --quick       fewer and shorter runs, smaller tables; under 3 minutes
  --runs n      how often each case is measured; default 5, with --quick 1
  --only a,b    ${contestantNames.join(', ')}
  --write-docs  puts the tables into docs/benchmarks.md`;

const FULL = {
  rounds: 5,
  warmUpJobs: 5000,
  runMs: 1500,
  runLimitMs: 10_000,
  latencyMs: 5000,
  idleMs: 10_000,
  grownRows: 3_000_000,
  searchedRows: 3_000_000,
  queuedRows: 1_000_000,
  exportedRows: 1_000_000,
  hashedBytes: 2_000_000_000,
  suiteLimitMs: 1_800_000,
  limitMs: 3_600_000,
};
const QUICK: typeof FULL = {
  rounds: 1,
  warmUpJobs: 1000,
  runMs: 500,
  runLimitMs: 2000,
  latencyMs: 2000,
  idleMs: 3000,
  grownRows: 200_000,
  searchedRows: 200_000,
  queuedRows: 100_000,
  exportedRows: 50_000,
  hashedBytes: 100_000_000,
  suiteLimitMs: 45_000,
  limitMs: 160_000,
};

/** @throws an Error that says what is wrong with the arguments */
export function readPlan(args: string[]): Plan | 'help' {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      only: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const sizes = values.quick ? QUICK : FULL;
  // bee-queue is in no goal.
  const contestants = values.quick ? contestantNames.filter((name) => name !== 'bee-queue') : contestantNames;
  return {
    ...sizes,
    suites: choose(positionals, suiteNames, 'suite'),
    contestants:
      values.only === undefined ? contestants : choose(values.only.split(','), contestantNames, 'contestant'),
    isQuick: values.quick,
    rounds: values.runs === undefined ? sizes.rounds : readRuns(values.runs),
    writesDocs: values['write-docs'],
  };
}

/** @returns those that were named, in the order of `known`; all when none was */
function choose<Name extends string>(named: readonly string[], known: readonly Name[], what: string): Name[] {
  const unknown = named.find((name) => !known.some((one) => one === name));
  if (unknown !== undefined) throw new Error(`there is no ${what} "${unknown}"; there are: ${known.join(', ')}`);
  return known.filter((name) => named.length === 0 || named.includes(name));
}

function readRuns(text: string): number {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1 || runs > 100) throw new Error('--runs takes a whole number from 1 to 100');
  return runs;
}
