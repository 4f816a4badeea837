import { expect, it } from 'vitest';
import { formatTime, writeSubtitles } from './subtitles.ts';

it('shows what is said while its clip is shown', () => {
  const clips = [
    { narration: 'First.', durationMs: 3000 },
    { durationMs: 2000 },
    { narration: 'a --> b', durationMs: 4040 },
  ];
  expect(writeSubtitles(clips)).toBe(
    '1\n00:00:00,000 --> 00:00:03,000\nFirst.\n\n2\n00:00:05,000 --> 00:00:09,040\na → b\n',
  );
  expect(writeSubtitles([{ durationMs: 1000 }])).toBe('');
});

it('divides long text into two lines at a time, without a gap', () => {
  const narration = 'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen';
  const times = [...writeSubtitles([{ narration, durationMs: 8000 }]).matchAll(/(\S+) --> (\S+)\n(.+)\n(.*)/g)];
  expect(times.map(([, from, to]) => [from, to])).toEqual([
    ['00:00:00,000', times[0]?.[2]],
    [times[0]?.[2], '00:00:08,000'],
  ]);
  for (const [, , , first = '', second = ''] of times) {
    expect(Math.max(first.length, second.length)).toBeLessThanOrEqual(42);
  }
});

it.each([
  [0, '00:00:00,000'],
  [61_001, '00:01:01,001'],
  [3_723_999, '01:02:03,999'],
])('writes %i ms as %s', (ms, text) => expect(formatTime(ms)).toBe(text));
