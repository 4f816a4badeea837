export interface Cue {
  startMs: number;
  endMs: number;
  text: string;
}

const LINE_LENGTH = 42;
const LINES = 2;

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
  const lines = wrap(narration);
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

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= LINE_LENGTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
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
