import { describe, expect, it } from 'vitest';
import type { Measurement } from '../suites/measurement.ts';
import { describeGoals, describeMeasurements } from './tables.ts';

const steady: Measurement = {
  suite: 'steady',
  work: 'finished',
  subject: 'bullmq-redis',
  unit: 'jobs/s',
  samples: [
    { value: 7000, cpuUs: { node: 60, redis: 40, postgres: 0 } },
    { value: 8000, cpuUs: { node: 60, redis: 40, postgres: 0 } },
  ],
};

describe('describeMeasurements', () => {
  it('gives median, spread, the share of each and what a job cost', () => {
    const [table] = describeMeasurements([steady]);
    expect(table?.rows).toEqual([
      ['finished', 'bullmq-redis', '7,500 jobs/s', '7,000–8,000', '60 %', '40 %', '0 %', '100'],
    ]);
  });

  it('leaves out the processor where no suite counts it', () => {
    const [table] = describeMeasurements([
      { suite: 'start', work: 'ready', subject: 'node imports', unit: 'ms', samples: [{ value: 250.4 }] },
    ]);
    expect(table).toMatchObject({
      head: ['work', 'who', 'median', 'spread'],
      rows: [['ready', 'node imports', '250 ms', '250–250']],
    });
  });
});

describe('describeGoals', () => {
  it('shows figure, reference and ratio, and whether the goal is met', () => {
    const ratio = { median: 0.95, min: 0.9, max: 1 };
    const { rows } = describeGoals([
      { work: 'steady', goal: '≥ 0.9 × raw', figure: steady, reference: steady, ratio, isMet: true },
      { work: 'start', goal: '≤ 1.2 ×' },
    ]);
    expect(rows).toEqual([
      ['steady', '≥ 0.9 × raw', '7,500 jobs/s', '7,500 jobs/s bullmq-redis', '0.95 (0.90–1.00)', '100 : 100', 'yes'],
      ['start', '≤ 1.2 ×', 'not measured', '', '', '', '–'],
    ]);
  });
});
