import { readSections, type Section, toPlainText } from './markdown.ts';
import { countWords, estimateDurationMs, MAX_WORDS, shorten } from './reading.ts';
import type { Scene, Script } from './script-schema.ts';
import { closeSentence, isProse, splitSentences } from './sentences.ts';

/** What one scene may tell: a sentence or a few short ones, from one paragraph. */
interface Beat {
  heading: string;
  narration: string;
  /** Its place in the text. */
  position: number;
  /** Its section; its paragraph, where a text has no sections. */
  group: number;
  score: number;
}

/** A beat of fewer words takes the next sentence along. */
const FULL_BEAT_WORDS = 10;
const MIN_KEYWORD_LENGTH = 5;
/** Sentences that begin so lean on the one before them. */
const DEPENDENT = /^(?:but|however|this|that|these|those|it|they|he|she|so|also|therefore|then|and|or)\b/i;

/**
 * Writes a script from a text without asking anybody: picks the sentences that tell most, from as many sections as it
 * can, and keeps their order and words. The same text gives the same script.
 * @returns undefined when the text has no words that could be told
 */
export function writeScript(
  text: string,
  options: { title?: string | undefined; maxScenes: number },
): Script | undefined {
  const sections = readSections(text);
  const told = collectBeats(sections);
  const beats = chooseBeats(told.length > 0 ? told : collectWords(sections), options.maxScenes);
  const first = beats[0];
  if (first === undefined) return undefined;
  const heading = options.title ?? (told.length > 0 ? findTitle(sections) : undefined);
  const scenes = beats.map((beat, index) => toScene(index === 0 ? (heading ?? beat.heading) : beat.heading, beat));
  return { title: heading ?? shorten(first.narration, 8).replace(/\.$/, ''), scenes, writer: 'offline' };
}

/** All that can honestly be said about a topic without asking anybody. */
export function outlineTopic(topic: string, options: { title?: string | undefined; maxScenes: number }): Script {
  const subject = shorten((toPlainText(topic) || topic).replace(/[.!?\s]+$/, ''), 12);
  const outline: [title: string, narration: string][] = [
    [options.title ?? subject, `A short introduction to ${subject}.`],
    ['What it is', `What do we mean by ${subject}, and where does it begin and end?`],
    ['Why it matters', `Who is ${subject} important to, and what changes for them?`],
    ['How it works', 'Which few ideas explain most of it, and in which order do they make sense?'],
    ['What to do next', `Try one small thing with ${subject} today, and build on what you learn.`],
  ];
  const scenes = outline
    .slice(0, options.maxScenes)
    .map(([title, narration]) => ({ title, narration, durationMs: estimateDurationMs(narration) }));
  return { title: options.title ?? subject, scenes, writer: 'offline' };
}

function findTitle(sections: readonly Section[]): string | undefined {
  const heading = sections.find(({ level }) => level === 1) ?? sections.find(({ level }) => level > 0);
  return heading && shorten(heading.heading);
}

function collectBeats(sections: readonly Section[]): Beat[] {
  const weigh = createWeigher(sections);
  const beats: Beat[] = [];
  let parent = '';
  const isDivided = sections.length > 2;
  let group = 0;
  for (const { level, heading, paragraphs } of sections) {
    group += 1;
    let depth = 0;
    if (level <= 2) parent = heading;
    // "Added" alone, as in a change log, says too little.
    const title = level > 2 && parent !== '' && countWords(heading) === 1 ? `${parent}: ${heading}` : heading;
    for (const paragraph of paragraphs) {
      if (!isDivided) [group, depth] = [group + 1, 0];
      for (const narration of packSentences(splitSentences(paragraph))) {
        beats.push({ heading: title, narration, position: beats.length, group, score: weigh(narration, depth) });
        depth += 1;
      }
    }
  }
  return beats;
}

/** The headings and the few words of a text without a sentence. */
function collectWords(sections: readonly Section[]): Beat[] {
  return sections
    .flatMap(({ heading, paragraphs }) => [heading, ...paragraphs])
    .filter(isProse)
    .map((text, position) => ({
      heading: '',
      narration: shorten(closeSentence(text)),
      position,
      group: position,
      score: -position,
    }));
}

function packSentences(sentences: readonly string[]): string[] {
  const packed: string[] = [];
  let room = 0;
  for (const sentence of sentences) {
    const count = countWords(sentence);
    const last = packed.at(-1);
    if (last !== undefined && count <= room) packed[packed.length - 1] = `${last} ${sentence}`;
    else packed.push(shorten(sentence));
    const length = countWords(packed.at(-1) ?? '');
    room = length < FULL_BEAT_WORDS ? MAX_WORDS - length : 0;
  }
  return packed;
}

/** Prefers sentences of a good length, with words that the text often uses, from the beginning of their section. */
function createWeigher(sections: readonly Section[]): (narration: string, depth: number) => number {
  const counts = new Map<string, number>();
  for (const { heading, paragraphs } of sections) {
    for (const word of [heading, ...paragraphs].flatMap(findKeywords)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return (narration, depth) => {
    const words = countWords(narration);
    const length = words < 6 ? words / 6 : 1;
    const keywords = new Set(findKeywords(narration));
    const weight =
      [...keywords].reduce((sum, word) => sum + Math.log2(counts.get(word) ?? 1), 0) / Math.sqrt(words + 1);
    return (
      length +
      weight / 2 -
      Math.min(depth, 5) / 10 -
      (DEPENDENT.test(narration) ? 1 : 0) -
      (narration.endsWith('?') ? 0.5 : 0)
    );
  };
}

function findKeywords(text: string): string[] {
  return (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => word.length >= MIN_KEYWORD_LENGTH);
}

// The beginning is always told. Then every section gets a scene before one gets its second.
function chooseBeats(beats: readonly Beat[], maxScenes: number): Beat[] {
  const [opening, ...others] = beats;
  if (opening === undefined) return [];
  const told = new Map([[opening.group, 1]]);
  const chosen = [opening];
  const waiting = others.sort((a, b) => b.score - a.score);
  for (let round = 1; chosen.length < maxScenes && chosen.length < beats.length; round += 1) {
    for (const beat of waiting) {
      if (chosen.length === maxScenes) break;
      if (chosen.includes(beat) || (told.get(beat.group) ?? 0) >= round) continue;
      told.set(beat.group, (told.get(beat.group) ?? 0) + 1);
      chosen.push(beat);
    }
  }
  return chosen.sort((a, b) => a.position - b.position);
}

function toScene(title: string, { narration }: Beat): Scene {
  return { title: shorten(title), narration, durationMs: estimateDurationMs(narration) };
}
