import { countWords } from './reading.ts';

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** After these a sentence goes on, although there is a full stop. */
const ABBREVIATION = /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|no|mr|mrs|ms|dr|prof|st|approx|fig|\p{Lu})\.$/iu;
/** “Who is it?” asked his wife: one sentence. */
const END_OF_SPEECH = /[?!]["”’»]\s*$/;
const MIN_WORDS = 3;

/** @returns the sentences of a paragraph that can stand alone */
export function splitSentences(paragraph: string): string[] {
  const sentences: string[] = [];
  let open = '';
  for (const { segment, index } of segmenter.segment(paragraph)) {
    open += segment;
    if (END_OF_SPEECH.test(segment) && /^\p{Ll}/u.test(paragraph.slice(index + segment.length))) continue;
    if (ABBREVIATION.test(segment.slice(-20).trimEnd())) continue;
    sentences.push(open.trim());
    open = '';
  }
  sentences.push(open.trim());
  return sentences.filter(isTellable).map(closeSentence);
}

// Code, lists of numbers and "The options are:" say nothing to somebody who watches.
function isTellable(sentence: string): boolean {
  if (/[:=({[]$/.test(sentence) || countWords(sentence) < MIN_WORDS) return false;
  return isProse(sentence);
}

/** Whether a text is made of letters more than of signs and numbers. */
export function isProse(text: string): boolean {
  const signs = text.replaceAll(/\s/g, '');
  const letters = signs.replaceAll(/[^\p{L}\p{M}]/gu, '');
  return letters.length / signs.length > 0.7;
}

/** @returns a text that begins and ends as a sentence does */
export function closeSentence(sentence: string): string {
  // A name like `defineJob` keeps its small letter.
  const first = sentence.replace(/^\p{Ll}+(?=,?\s)/u, (word) => word.charAt(0).toLocaleUpperCase('en') + word.slice(1));
  return /[.!?…。！？]["'”’)\]]*$/.test(first) ? first : `${first.replace(/[,;–—-]+$/, '')}.`;
}
