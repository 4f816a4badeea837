import { describe, expect, it } from 'vitest';
import { Window } from './window.ts';

const measure = { queue: 'q', waiting: 0, delayed: 0, hasBacklog: false };

describe('Window', () => {
  it('gives as many places as were measured, and none of a queue that was not', () => {
    const window = new Window(3);
    expect(window.reserve('q')).toBe(false);
    window.update([{ ...measure, waiting: 1 }]);
    expect([window.reserve('q'), window.reserve('q'), window.reserve('q')]).toEqual([true, true, false]);
    window.noteStart('q');
    expect(window.reserve('q')).toBe(true);
  });

  it('lets nothing overtake the backlog, whatever room there is', () => {
    const window = new Window(3);
    window.update([measure]);
    expect(window.noteBacklog('q')).toBe(true);
    expect(window.noteBacklog('q')).toBe(false);
    expect(window.reserve('q')).toBe(false);
    window.update([measure]);
    expect(window.reserve('q')).toBe(true);
  });

  it('keeps the places of jobs that are being recorded, which no measure can see', () => {
    const window = new Window(2);
    window.update([measure]);
    expect([window.reserve('q'), window.reserve('q')]).toEqual([true, true]);
    window.update([measure]);
    expect(window.reserve('q')).toBe(false);
    window.release('q');
    window.beginMeasure();
    window.update([{ ...measure, waiting: 1 }]);
    expect(window.reserve('q')).toBe(false);
    window.release('q');
    window.beginMeasure();
    window.update([{ ...measure, waiting: 1 }]);
    expect(window.reserve('q')).toBe(true);
  });

  it('leaves the backlog no place of a job that is being recorded', () => {
    const window = new Window(2);
    expect(window.sizeForBacklog('q')).toBe(2);
    window.update([measure]);
    window.reserve('q');
    expect(window.sizeForBacklog('q')).toBe(1);
    window.release('q');
    expect(window.sizeForBacklog('q')).toBe(2);
  });

  it('counts a job that is recorded while a measure is under way, which may have been too early to see it', () => {
    const window = new Window(2);
    window.update([measure]);
    window.reserve('q');
    window.beginMeasure();
    window.release('q');
    window.update([measure]);
    expect([window.reserve('q'), window.reserve('q')]).toEqual([true, false]);
    window.release('q');
    window.beginMeasure();
    window.update([{ ...measure, waiting: 1 }]);
    expect([window.reserve('q'), window.reserve('q')]).toEqual([true, false]);
  });

  it('asks for a measure when a quarter of the places is left', () => {
    const window = new Window(8);
    window.update([{ ...measure, waiting: 5 }]);
    expect(window.isRunningOut('q')).toBe(false);
    window.reserve('q');
    window.reserve('q');
    expect(window.isRunningOut('q')).toBe(true);
  });

  it('looks at the backlog once a quarter of the window has started', () => {
    const window = new Window(8);
    window.update([{ ...measure, waiting: 8, hasBacklog: true }]);
    expect([1, 2, 3].map(() => window.noteStart('q'))).toEqual([false, true, false]);
  });

  it('counts what waits for its time apart', () => {
    const window = new Window(2);
    window.update([{ ...measure, waiting: 2, delayed: 1 }]);
    expect([window.reserveDelayed('q'), window.reserveDelayed('q')]).toEqual([true, false]);
  });
});
