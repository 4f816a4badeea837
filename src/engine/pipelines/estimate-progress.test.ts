import { describe, expect, it } from 'vitest';
import type { CallProgress } from '../../store/pipeline-progress.ts';
import { estimateProgress } from './estimate-progress.ts';

const none = new Map<string, number>();
const call = (changes: Partial<CallProgress>): CallProgress => ({
  pipelineId: '01980000-0000-7000-8000-000000000001',
  key: 'some#1',
  kind: 'job',
  done: 0,
  ageMs: 0,
  tookMs: null,
  leftMs: null,
  ...changes,
});

describe('the progress of a pipeline', () => {
  it('is nothing before the first call', () => {
    expect(estimateProgress([], none)).toEqual({ percent: 0, etaMs: null });
  });

  it('grows less and less with each call, where no other one has completed', () => {
    const percents = [1, 2, 3, 4].map((count) => {
      const calls = Array.from({ length: count }, (_, index) => call({ key: String(index), done: 1, tookMs: 5 }));
      return Math.round(estimateProgress(calls, none).percent);
    });
    expect(percents).toEqual([30, 51, 66, 76]);
    const calls = [call({ key: 'a', done: 1, tookMs: 100 }), call({ key: 'b', done: 0.5, ageMs: 300 })];
    expect(estimateProgress(calls, none)).toMatchObject({ percent: expect.closeTo(40.5, 1), etaMs: 300 });
    const many = [call({ kind: 'all', done: 0.5, ageMs: 300 })];
    expect(estimateProgress(many, none)).toMatchObject({ percent: expect.closeTo(30, 1), etaMs: 300 });
  });

  it('weighs calls by how long they took the last time', () => {
    const former = new Map([
      ['a', 100],
      ['b', 700],
      ['c', 200],
    ]);
    const calls = [call({ key: 'a', done: 1, tookMs: 50 }), call({ key: 'b', done: 0.5, ageMs: 400 })];
    expect(estimateProgress(calls, former)).toEqual({ percent: 45, etaMs: 400 + 200 });
    const begun = [call({ key: 'a', done: 1, tookMs: 50 }), call({ key: 'b', ageMs: 300 })];
    expect(estimateProgress(begun, former)).toEqual({ percent: 10, etaMs: 400 + 200 });
  });

  it('is below 100 while it goes on, even when the last time took fewer calls', () => {
    const calls = [call({ key: 'a', done: 1, tookMs: 5 }), call({ key: 'b', done: 1, tookMs: 5 })];
    expect(estimateProgress(calls, new Map([['a', 5]])).percent).toBe(99);
  });

  it('tells the rest of what runs side by side by the longest of it', () => {
    const calls = [call({ key: 'a', done: 0.5, ageMs: 100 }), call({ key: 'b', kind: 'sleep', leftMs: 5000 })];
    expect(estimateProgress(calls, none).etaMs).toBe(5000);
  });

  it('has no estimate while it waits for an event, or for what nothing is known of', () => {
    expect(estimateProgress([call({ kind: 'event' })], none).etaMs).toBeNull();
    expect(estimateProgress([call({ ageMs: 10 })], none).etaMs).toBeNull();
    const after = [call({ key: 'a', done: 1, tookMs: 100 }), call({ key: 'b', ageMs: 30 })];
    expect(estimateProgress(after, none).etaMs).toBe(70);
  });
});
