export interface Cue {
  startMs: number;
  endMs: number;
  text: string;
}

const LINE_LENGTH = 42;
const LINES = 2;
/** Letters that take the room of two. */
const WIDE = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/gu;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });

/**
 * Divides what is said over the time in which its clip is shown: two lines at a time, longer the more they hold.
 * @returns the text of an `.srt` file
 */
export function writeSubtitles(clips: readonly { narration?: string | undefined; durationMs: number }[]): string {
  let startMs = 0;
  const cues: Cue[] = [];
  for (const { narration = '', durationMs } of clips) {
    cues.push(...divide(narration, startMs, durationMs));
    startMs += durationMs;
  }
  return cues.map((cue, index) => `${index + 1}\n${formatCue(cue)}\n`).join('\n');
}

function divide(narration: string, startMs: number, durationMs: number): Cue[] {
  const lines = wrapEvenly(splitWords(narration));
  const parts: string[][] = [];
  for (let at = 0; at < lines.length; at += LINES) parts.push(lines.slice(at, at + LINES));
  const total = lines.join('').length;
  let told = 0;
  return parts.map((part) => {
    const from = told;
    told += part.join('').length;
    return {
      startMs: startMs + Math.round((durationMs * from) / total),
      endMs: startMs + Math.round((durationMs * told) / total),
      text: part.join('\n'),
    };
  });
}

/** @returns as many cues as full lines would need, without a last one of two words that nobody could read in time */
function wrapEvenly(words: readonly string[]): string[] {
  const full = wrap(words, LINE_LENGTH);
  if (full.length < 2) return full;
  const room = Math.ceil(full.length / LINES) * LINES;
  for (let length = Math.floor(measure(words.join('')) / room); length < LINE_LENGTH; length += 1) {
    const lines = wrap(words, length);
    if (lines.length <= room) return lines;
  }
  return full;
}

/** @param words with the spaces after them */
function wrap(words: readonly string[], length: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const line = `${lines.at(-1) ?? ''}${word}`;
    if (lines.length > 0 && measure(line.trimEnd()) <= length) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines.map((line) => line.trimEnd());
}

// Chinese and the like have no spaces: such a text is broken between words, and not before a comma.
function splitWords(text: string): string[] {
  const words = text
    .trim()
    .split(/(?<=\s)(?=\S)/)
    .filter(Boolean);
  return words.flatMap((word) => {
    if (measure(word.trimEnd()) <= LINE_LENGTH) return [word.replace(/\s+$/, ' ')];
    const parts: string[] = [];
    for (const { segment, isWordLike } of segmenter.segment(word.replace(/\s+$/, ' '))) {
      if (isWordLike || parts.length === 0) parts.push(segment);
      else parts[parts.length - 1] += segment;
    }
    return parts;
  });
}

function measure(text: string): number {
  return text.length + (text.match(WIDE)?.length ?? 0);
}

function formatCue({ startMs, endMs, text }: Cue): string {
  // "-->" within a text would be read as another time line.
  return `${formatTime(startMs)} --> ${formatTime(endMs)}\n${text.replaceAll('-->', '→')}`;
}

/** `01:02:03,004` */
export function formatTime(ms: number): string {
  const part = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, '0');
  const seconds = ms / 1000;
  return `${part(seconds / 3600, 2)}:${part((seconds / 60) % 60, 2)}:${part(seconds % 60, 2)},${part(ms % 1000, 3)}`;
}
