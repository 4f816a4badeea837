import { describe, expect, it } from 'vitest';
import { compare, findPercentile, summarize } from './statistics.ts';

describe('summarize', () => {
  it('gives median, least and greatest, whatever the order', () => {
    expect(summarize([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
  });

  it('takes the middle of two for the median', () => {
    expect(summarize([1, 4]).median).toBe(2.5);
  });

  it('refuses nothing at all', () => {
    expect(() => summarize([])).toThrow('nothing');
  });
});

describe('compare', () => {
  it('divides the medians, and takes the spread from runs that were made side by side', () => {
    expect(compare([10, 30], [10, 10])).toEqual({ median: 2, min: 1, max: 3 });
  });

  it('leaves out runs that have no counterpart', () => {
    expect(compare([10, 30, 90], [10, 10])).toMatchObject({ min: 1, max: 3 });
  });
});

describe('findPercentile', () => {
  it('goes the part of the way between two values', () => {
    expect(findPercentile([0, 10], 90)).toBe(9);
  });

  it('gives the last for 100', () => {
    expect(findPercentile([1, 2, 3], 100)).toBe(3);
  });
});
