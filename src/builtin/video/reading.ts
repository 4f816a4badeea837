const words = new Intl.Segmenter(undefined, { granularity: 'word' });

const WORDS_PER_SECOND = 2.5;
const MIN_MS = 3000;
const MAX_MS = 8000;
/** What can be read in the longest scene, with a little haste. */
export const MAX_WORDS = 22;
const MAX_CHARACTERS = 180;
/** A part of a sentence that is cut off at a comma must still say something. */
const MIN_CLAUSE_WORDS = 8;
const CLAUSE_END = /^[)"”]?(?:[.!?,;:–—](?:\s|$)| [–—-] )/;

export function countWords(text: string): number {
  let count = 0;
  for (const { isWordLike } of words.segment(text)) if (isWordLike) count += 1;
  return count;
}

/** How long a scene must be shown to be read, from 3 to 8 seconds. */
export function estimateDurationMs(text: string): number {
  const ms = Math.round((countWords(text) / WORDS_PER_SECOND) * 10) * 100;
  return Math.min(MAX_MS, Math.max(MIN_MS, ms));
}

/** Cuts a text that is too long for one scene: after a clause where one ends, else between words. */
export function shorten(text: string, maxWords: number = MAX_WORDS): string {
  const ends: { word: number; end: number }[] = [];
  for (const { segment, index, isWordLike } of words.segment(text.slice(0, MAX_CHARACTERS * 2))) {
    if (isWordLike) ends.push({ word: ends.length + 1, end: index + segment.length });
  }
  const kept = ends.filter(({ word, end }) => word <= maxWords && end <= MAX_CHARACTERS);
  const last = kept.at(-1);
  if (last === undefined) return text.slice(0, MAX_CHARACTERS);
  if (kept.length === ends.length && text.length <= MAX_CHARACTERS * 2) return text;
  const clause = kept.findLast(
    ({ word, end }) => word >= MIN_CLAUSE_WORDS && CLAUSE_END.test(text.slice(end, end + 4)),
  );
  if (clause === undefined) return `${text.slice(0, last.end)}…`;
  const [, bracket = '', mark = ''] = /^([)"”]?)(.?)/.exec(text.slice(clause.end)) ?? [];
  // Half a sentence must not pass for a whole one, which may say something else.
  return `${text.slice(0, clause.end)}${bracket}${/[.!?]/.test(mark) ? mark : '…'}`;
}
