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

it('leaves no cue of two words at the end', () => {
  const narration = 'An accepted job ends exactly once. 202 is answered after PostgreSQL has committed the job.';
  expect(writeSubtitles([{ narration, durationMs: 6000 }])).toBe(
    [
      '1\n00:00:00,000 --> 00:00:02,759\nAn accepted job ends\nexactly once. 202 is',
      '2\n00:00:02,759 --> 00:00:06,000\nanswered after PostgreSQL\nhas committed the job.\n',
    ].join('\n\n'),
  );
});

it('breaks text without spaces between words, and not before a comma', () => {
  const narration = '这是一个很长的测试文本，我们想看看没有空格的文字如何换行，以及字幕怎样显示出来。';
  const lines = writeSubtitles([{ narration, durationMs: 6000 }])
    .split('\n')
    .slice(2, -1);
  expect(lines.join('')).toBe(narration);
  for (const line of lines) expect(line).toMatch(/^[^，。].{1,21}$/u);
});

it.each([
  [0, '00:00:00,000'],
  [61_001, '00:01:01,001'],
  [3_723_999, '01:02:03,999'],
])('writes %i ms as %s', (ms, text) => expect(formatTime(ms)).toBe(text));
