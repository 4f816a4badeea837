import { describe, expect, it } from 'vitest';
import { chooseJobs, speedOf, speedOfWork } from './sizes.ts';

describe('chooseJobs', () => {
  it('takes as many as fit the time, in steps of 500', () => {
    expect(chooseJobs({ runMs: 3000 }, 1100)).toBe(3500);
  });

  it('stays within bounds', () => {
    expect(chooseJobs({ runMs: 3000 }, 1)).toBe(500);
    expect(chooseJobs({ runMs: 3000 }, 1_000_000)).toBe(200_000);
  });
});

describe('speedOf', () => {
  it('counts jobs per second', () => {
    expect(speedOf(500, 1_000_000, 1_250_000)).toBe(2000);
  });
});

describe('speedOfWork', () => {
  it('refuses a run in which nothing has finished', () => {
    expect(() => speedOfWork({ jobs: 0, startedAtUs: 0, finishedAtUs: 1 })).toThrow('no job has finished');
  });
});
