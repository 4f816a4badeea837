import type { ContestantName } from '../contestants/commands.ts';
import type { SuiteName } from '../plan.ts';
import type { CpuTimes } from '../servers/cpu.ts';

/** What was compared: Longshore, another queue, or what a goal names. */
export type Subject = ContestantName | 'express + bullmq' | 'node imports';

export type Unit = 'jobs/s' | 'ms' | 'MB';

/** One figure of one run. */
export interface Sample {
  value: number;
  /** What a job cost each of the three, in microseconds. */
  cpuUs?: CpuTimes | undefined;
}

/** All runs of one case: the figure of a kind of work, by one subject. */
export interface Measurement {
  suite: SuiteName;
  /** E.g. `concurrency 200` or `p99`; together with the suite and the subject it names the measurement. */
  work: string;
  subject: Subject;
  unit: Unit;
  samples: Sample[];
}

/** Names a figure that a suite reports. */
export type Figure = Pick<Measurement, 'work' | 'subject' | 'unit'> & { sample: Sample };
