import { expect, it } from 'vitest';
import { fitText } from './text-fit.ts';

const box = { width: 1000, height: 200, fontSizes: [80, 40, 20], lineHeight: 1.25 } as const;

it('takes the largest size at which the text has room', () => {
  expect(fitText('short', { ...box, fontSizes: [80, 40, 20] })).toEqual({ fontSize: 80, room: 2, lines: 1 });
  expect(fitText('word '.repeat(35), { ...box, fontSizes: [80, 40, 20] })).toMatchObject({ fontSize: 40, room: 4 });
});

it('takes the smallest where nothing fits, and says how many lines can be shown', () => {
  expect(fitText('word '.repeat(1000), { ...box, fontSizes: [80, 40, 20] })).toEqual({
    fontSize: 20,
    room: 8,
    lines: 8,
  });
  expect(fitText('x'.repeat(5000), { ...box, fontSizes: [80, 40, 20] })).toMatchObject({ fontSize: 20 });
  expect(fitText('x', { ...box, height: 1, fontSizes: [20] })).toMatchObject({ room: 1 });
});
