import type { CpuTimes } from '../servers/cpu.ts';
import type { Measurement, Unit } from '../suites/measurement.ts';
import { type GoalRow, valuesOf } from './goals.ts';
import { type Spread, summarize } from './statistics.ts';

/** Rows of text, the first of them the heading; the same for the terminal and for Markdown. */
export interface TextTable {
  title: string;
  head: string[];
  rows: string[][];
}

const CPU_HEAD = ['node', 'redis', 'postgres', 'µs/job'];

export function describeMeasurements(measurements: readonly Measurement[]): TextTable[] {
  return [...Map.groupBy(measurements, ({ suite }) => suite)].map(([suite, ofSuite]) => {
    const hasCpu = ofSuite.some(({ samples }) => samples.some(({ cpuUs }) => cpuUs !== undefined));
    return {
      title: suite,
      head: ['work', 'who', 'median', 'spread', ...(hasCpu ? CPU_HEAD : [])],
      rows: ofSuite.map((one) => [...describeMeasurement(one), ...(hasCpu ? describeCpu(one) : [])]),
    };
  });
}

function describeMeasurement(measurement: Measurement): string[] {
  const { work, subject, unit } = measurement;
  const { median, min, max } = summarize(valuesOf(measurement));
  const spread = `${formatFigure(min, unit)}–${formatFigure(max, unit)}`;
  return [work, subject, `${formatFigure(median, unit)} ${unit}`, spread];
}

export function describeGoals(rows: readonly GoalRow[]): TextTable {
  return {
    title: 'goals',
    head: ['work', 'goal', 'Longshore', 'compared with', 'ratio (spread)', 'µs/job', 'met'],
    rows: rows.map(({ work, goal, figure, reference, ratio, isMet }) => [
      work,
      goal,
      figure ? describeMedian(figure) : 'not measured',
      reference ? `${describeMedian(reference)} ${reference.subject}` : '',
      reference && ratio ? formatRatio(ratio) : '',
      figure && reference ? compareCpu(figure, reference) : '',
      isMet === undefined ? '–' : isMet ? 'yes' : 'no',
    ]),
  };
}

function describeMedian(measurement: Measurement): string {
  return `${formatFigure(summarize(valuesOf(measurement)).median, measurement.unit)} ${measurement.unit}`;
}

/** What a job cost both in all: on a machine that others use, too, it says more than the speed. */
function compareCpu(figure: Measurement, reference: Measurement): string {
  const [ours, theirs] = [figure, reference].map((one) => describeCpu(one).at(-1) ?? '');
  return ours && theirs ? `${ours} : ${theirs}` : '';
}

function formatRatio({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}

function formatFigure(value: number, unit: Unit): string {
  if (unit === 'ms') return value.toFixed(value < 100 ? 2 : 0);
  return Math.round(value).toLocaleString('en-US');
}

/** The share of each, and the sum of what a job cost. */
function describeCpu({ samples }: Measurement): string[] {
  const known = samples.map(({ cpuUs }) => cpuUs).filter((cpu) => cpu !== undefined);
  if (known.length === 0) return ['', '', '', ''];
  const median = (part: keyof CpuTimes) => summarize(known.map((cpu) => cpu[part])).median;
  const parts = [median('node'), median('redis'), median('postgres')];
  const sum = parts.reduce((total, part) => total + part, 0);
  return [...parts.map((part) => (sum === 0 ? '' : `${Math.round((part / sum) * 100)} %`)), String(Math.round(sum))];
}
