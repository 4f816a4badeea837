import { describe, expect, it } from 'vitest';
import { countWords, estimateDurationMs, shorten } from './reading.ts';
import { splitSentences } from './sentences.ts';

describe('estimateDurationMs', () => {
  it.each([
    ['', 3000],
    ['word '.repeat(5), 3000],
    ['word '.repeat(10), 4000],
    ['word '.repeat(13), 5200],
    ['word '.repeat(500), 8000],
  ])('gives two and a half words a second, between 3 and 8 seconds: %#', (text, ms) => {
    expect(estimateDurationMs(text)).toBe(ms);
  });
});

describe('shorten', () => {
  it('keeps what is short enough', () => expect(shorten('One, two, three.')).toBe('One, two, three.'));

  it('ends after a sentence or clause that says enough, else between words', () => {
    const clause = 'one two three four five six seven eight';
    expect(shorten(`${clause}, ${'more '.repeat(30)}`)).toBe(`${clause}…`);
    expect(shorten(`${clause} (nine). ${'more '.repeat(30)}`)).toBe(`${clause} (nine).`);
    expect(shorten('word '.repeat(30))).toBe(`${'word '.repeat(22).trim()}…`);
    expect(shorten('one two three four', 2)).toBe('one two…');
  });

  it('has an end for text without spaces', () => {
    expect(shorten('x'.repeat(1000)).length).toBeLessThanOrEqual(180);
    expect(countWords(shorten('你好世界'.repeat(500)))).toBeLessThanOrEqual(22);
  });
});

describe('splitSentences', () => {
  it('is not misled by abbreviations and numbers', () => {
    expect(
      splitSentences('It runs on e.g. Linux 6.1 and macOS. Dr. Smith said so! Did you know? yes we did know'),
    ).toEqual(['It runs on e.g. Linux 6.1 and macOS.', 'Dr. Smith said so!', 'Did you know?', 'Yes we did know.']);
  });

  it('leaves out what says nothing alone, and does not change a name', () => {
    expect(splitSentences('The options are:')).toEqual([]);
    expect(splitSentences('Too short.')).toEqual([]);
    expect(splitSentences('a -> b -> c => {1, 2, 3}')).toEqual([]);
    expect(splitSentences('defineJob makes a job')).toEqual(['defineJob makes a job.']);
  });
});
