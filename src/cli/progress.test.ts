import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { type LiveState, renderPlainProgress, renderProgressLine } from './progress.ts';
import { measureWidth } from './terminal.ts';

const state: LiveState = {
  status: 'processing',
  percent: 52.4,
  message: 'compressed 33 MB of 64 MB',
  etaMs: 3_000,
  elapsedMs: 4_200,
};
const render = (width: number, changes: Partial<LiveState> = {}, isColored = false) =>
  renderProgressLine({ ...state, ...changes }, { width, colors: pc.createColors(isColored) });

describe('the progress line', () => {
  it('shows a bar, the percent, the time left and the message', () => {
    expect(render(80)).toBe('processing ███████████░░░░░░░░░░  52 %  ETA 3.0 s  compressed 33 MB of 64 MB');
  });

  it.each([20, 30, 40, 60, 80, 200])('fits %i columns, with one to spare', (width) => {
    expect(measureWidth(render(width, {}, true))).toBeLessThan(width);
  });

  it('gives up the message first, then the bar', () => {
    expect(render(40)).toBe('processing ████░░░░  52 %  ETA 3.0 s');
    expect(render(30)).toBe('processing  52 %  ETA 3.0 s');
    expect(render(20)).toBe('processing  52 %');
  });

  it('shows the elapsed time where no end is known', () => {
    expect(render(40, { etaMs: null })).toMatch(/ {2}4\.0 s$/);
    expect(render(40, { etaMs: null, elapsedMs: 300, message: null })).toMatch(/52 %$/);
  });

  it('keeps its parts in place when the status changes', () => {
    expect(render(80, { status: 'queued' }).indexOf('%')).toBe(render(80).indexOf('%'));
  });

  it('colours only where colours are wanted', () => {
    expect(render(80)).not.toContain('\u001b');
    expect(render(80, {}, true)).toContain('\u001b[36m');
  });

  it('lets no message of a job steer the terminal', () => {
    expect(render(80, { message: '\u001b[2J\u001b[31mboo\nsecond\u0007' })).toMatch(/boo second$/);
  });
});

it('says the same in a pipe, in plain words', () => {
  expect(renderPlainProgress(state)).toBe(' 52 %  compressed 33 MB of 64 MB  (ETA 3.0 s)');
  expect(renderPlainProgress({ percent: 0, message: null, etaMs: null })).toBe('  0 %');
});
