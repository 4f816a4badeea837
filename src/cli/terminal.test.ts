import { describe, expect, it } from 'vitest';
import { cleanLine, cleanText, createTerminal, measureWidth, truncateText } from './terminal.ts';

const stream = (isTTY: boolean, columns?: number) => ({ isTTY, columns, write: () => {} });
const open = (isTTY: boolean, environment: Record<string, string> = {}, columns = 100) =>
  createTerminal(stream(isTTY, columns), stream(isTTY), environment);

describe('a terminal', () => {
  it('is coloured where people look, and nowhere else', () => {
    expect(open(true).colors.isColorSupported).toBe(true);
    expect(open(false).colors.isColorSupported).toBe(false);
    expect(open(true, { NO_COLOR: '1' }).colors.isColorSupported).toBe(false);
    expect(open(true, { TERM: 'dumb' })).toMatchObject({ isInteractive: false });
    expect(open(false, { FORCE_COLOR: '1' }).colors.isColorSupported).toBe(true);
    expect(open(false, { FORCE_COLOR: '1', NO_COLOR: '1' }).colors.isColorSupported).toBe(false);
  });

  it('is as wide as its window, as COLUMNS says, or without end', () => {
    expect(open(true).width).toBe(100);
    expect(open(true, { COLUMNS: '60' }).width).toBe(60);
    expect(open(false).width).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('text', () => {
  it('loses what would steer the terminal', () => {
    expect(cleanText('a\u001b[31mb\u001b[0m\tc\nd\u0007\u009b2J')).toBe('ab\tc\nd');
    expect(cleanLine(' a\r\n\tb ')).toBe('a b');
  });

  it('is measured by the columns that it takes', () => {
    expect(measureWidth('\u001b[31mab\u001b[39m')).toBe(2);
    expect(measureWidth('日本')).toBe(4);
    expect(measureWidth('e\u0301')).toBe(1);
  });

  it('is shortened with an ellipsis, never beyond the width', () => {
    expect(truncateText('hello', 5)).toBe('hello');
    expect(truncateText('hello!', 5)).toBe('hell…');
    expect(measureWidth(truncateText('日本日本', 6))).toBeLessThanOrEqual(6);
    expect(truncateText('hello', 0)).toBe('');
  });
});
