import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plan } from '../plan.ts';
import type { Measurement } from '../suites/measurement.ts';
import { judgeGoals } from './goals.ts';
import { type Machine, summarizeMachine } from './machine.ts';
import { describeGoals, describeMeasurements } from './tables.ts';
import { printTable, replaceBetweenMarkers, writeMarkdown } from './write-table.ts';

/** Everything about one call of the benchmark. */
export interface Results {
  /** ISO 8601. */
  startedAt: string;
  tookMs: number;
  machine: Machine;
  plan: Plan;
  measurements: Measurement[];
  /** What could not be measured, and why. */
  failures: string[];
}

const FOLDER = fileURLToPath(new URL('../results', import.meta.url));
const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));

export function printResults({ plan, measurements, failures, machine, tookMs }: Results): string {
  const goals = judgeGoals(measurements, plan.suites);
  const tables = [...describeMeasurements(measurements), describeGoals(goals)].map(printTable);
  const missing = failures.length === 0 ? [] : ['not measured', ...failures.map((failure) => `  ${failure}`), ''];
  return [...tables, ...missing, `${summarizeMachine(machine)}; took ${Math.round(tookMs / 1000)} s`].join('\n');
}

/** @returns the path of the file */
export function saveResults(results: Results): string {
  mkdirSync(FOLDER, { recursive: true });
  const date = results.startedAt.slice(0, 16).replace(':', '-');
  const path = `${FOLDER}/${date}${results.plan.isQuick ? '-quick' : ''}.json`;
  const goals = describeGoals(judgeGoals(results.measurements, results.plan.suites));
  writeFileSync(path, `${JSON.stringify({ ...results, goals: goals.rows }, null, 2)}\n`);
  return path;
}

/** Puts the tables between the markers of docs/benchmarks.md. */
export function writeDocument({ startedAt, machine, plan, measurements, failures }: Results): void {
  const how = `${plan.rounds} ${plan.rounds === 1 ? 'run' : 'runs'} of each case${plan.isQuick ? ', `--quick`' : ''}`;
  const lines = [
    `Measured on ${startedAt.slice(0, 10)}, ${how}: ${summarizeMachine(machine)}.`,
    '',
    ...[describeGoals(judgeGoals(measurements, plan.suites)), ...describeMeasurements(measurements)].map(writeMarkdown),
    ...failures.map((failure) => `- Not measured: ${failure}`),
  ];
  const text = replaceBetweenMarkers(readFileSync(DOCUMENT, 'utf8'), 'results', lines.join('\n').trim());
  writeFileSync(DOCUMENT, text);
}
