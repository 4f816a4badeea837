import { describe, expect, it } from 'vitest';
import { type Plan, readPlan, suiteNames } from './plan.ts';

const read = (...args: string[]): Plan => {
  const plan = readPlan(args);
  if (plan === 'help') throw new Error('help was not asked for');
  return plan;
};

describe('readPlan', () => {
  it('measures everything five times when nothing is said', () => {
    expect(read()).toMatchObject({ suites: suiteNames, isQuick: false, rounds: 5 });
  });

  it('takes the suites that are named, in its own order', () => {
    expect(read('steady', 'enqueue').suites).toEqual(['enqueue', 'steady']);
  });

  it('lets --runs go before what --quick sets', () => {
    expect(read('--quick', '--runs', '3').rounds).toBe(3);
  });

  it('names what there is when something is not known', () => {
    expect(() => readPlan(['speed'])).toThrow('there is no suite "speed"; there are: enqueue');
    expect(() => readPlan(['--only', 'kafka'])).toThrow('there is no contestant "kafka"');
    expect(() => readPlan(['--runs', '0'])).toThrow('from 1 to 100');
  });

  it('tells how it is used', () => {
    expect(readPlan(['--help'])).toBe('help');
  });
});
