import { describe, expect, it } from 'vitest';
import { suiteNames } from '../plan.ts';
import type { Measurement } from '../suites/measurement.ts';
import { goalRules } from './goal-rules.ts';
import { judgeGoals } from './goals.ts';

const measured = (subject: Measurement['subject'], ...values: number[]): Measurement => ({
  suite: 'steady',
  work: 'finished',
  subject,
  unit: 'jobs/s',
  samples: values.map((value) => ({ value })),
});
const latency = (subject: Measurement['subject'], value: number): Measurement => ({
  suite: 'latency',
  work: 'p50',
  subject,
  unit: 'ms',
  samples: [{ value }],
});

describe('judgeGoals', () => {
  it('compares with the fastest of several queues', () => {
    const row = judgeGoals(
      [measured('longshore-postgres', 6000), measured('pg-boss', 500), measured('graphile-worker', 1000)],
      suiteNames,
    ).find(({ work }) => work === 'steady, 200 callers, PostgreSQL');
    expect(row).toMatchObject({ reference: { subject: 'graphile-worker' }, ratio: { median: 6 }, isMet: true });
  });

  it('takes a longer time for worse', () => {
    const row = judgeGoals([latency('longshore-bullmq', 2), latency('bullmq-redis', 1)], suiteNames).find(
      ({ work }) => work === 'latency at 100 jobs/s, p50, BullMQ',
    );
    expect(row).toMatchObject({ ratio: { median: 2 }, isMet: false });
  });

  it('leaves a goal open whose figures are missing', () => {
    const rows = judgeGoals([measured('longshore-bullmq', 1)], suiteNames);
    expect(rows).toHaveLength(goalRules.length);
    expect(rows.every(({ isMet }) => isMet === undefined)).toBe(true);
  });

  it('leaves out the goals of suites that were not asked for', () => {
    expect(judgeGoals([], ['start']).map(({ work }) => work)).toEqual(['start, MODE=worker']);
  });

  it('names no goal twice', () => {
    const names = goalRules.map(({ work, goal }) => `${work}: ${goal}`);
    expect(names).toEqual([...new Set(names)]);
  });
});
