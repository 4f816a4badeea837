import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LineBudget, ProgressReporter } from './restraint.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the progress of a handler in a thread', () => {
  const open = () => {
    const sent: number[] = [];
    const reporter = new ProgressReporter(({ percent }) => sent.push(percent));
    return { sent, reporter, report: (percent: number) => reporter.report({ kind: 'progress', percent, message: '' }) };
  };

  it('is sent every 100 ms, however often it is reported', () => {
    const { sent, report } = open();
    for (let percent = 1; percent <= 90; percent += 1) {
      report(percent);
      vi.advanceTimersByTime(10);
    }
    expect(sent[0]).toBe(1);
    expect(sent.length).toBeGreaterThanOrEqual(9);
    expect(sent.length).toBeLessThanOrEqual(10);
  });

  it('is sent soon when nothing follows, and at the end at once', () => {
    const { sent, report, reporter } = open();
    report(1);
    report(2);
    report(3);
    expect(sent).toEqual([1]);
    vi.advanceTimersByTime(100);
    expect(sent).toEqual([1, 3]);
    report(4);
    reporter.flush();
    reporter.flush();
    vi.advanceTimersByTime(1000);
    expect(sent).toEqual([1, 3, 4]);
  });
});

it('the lines of a handler in a thread are limited, with one warning for each time', () => {
  const warnings: string[] = [];
  const budget = new LineBudget((message) => warnings.push(message));
  const count = (tries: number) => Array.from({ length: tries }, () => budget.take()).filter(Boolean).length;
  expect(count(20_000)).toBe(5000);
  expect(warnings).toEqual(['the handler logs faster than the worker can take it; lines are dropped']);
  vi.advanceTimersByTime(1000);
  expect(count(20_000)).toBe(1000);
  expect(warnings).toHaveLength(1);
  vi.advanceTimersByTime(60_000);
  expect(count(20_000)).toBe(5000);
  expect(warnings).toHaveLength(2);
});
