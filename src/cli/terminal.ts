import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** The part of a stream that the CLI writes to; a test passes a plain object. */
export interface OutputStream {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  rows?: number | undefined;
}

/** Where people or programs read what the CLI prints. */
export interface Terminal {
  /** A person watches: one line may be drawn over and over. */
  readonly isInteractive: boolean;
  readonly colors: Colors;
  /** In columns; infinite in a pipe, since nothing wraps there. Changes when the window does. */
  readonly width: number;
  /** In lines; infinite in a pipe. */
  readonly height: number;
  /** To standard output, as it is. */
  write(text: string): void;
  /** A line to standard output. */
  print(line: string): void;
  /** A line to standard error: notes and errors, so that a pipe receives results only. */
  note(line: string): void;
}

export function createTerminal(stdout: OutputStream, stderr: OutputStream, environment: Environment): Terminal {
  const isInteractive = stdout.isTTY === true && environment.TERM !== 'dumb';
  return {
    isInteractive,
    colors: pc.createColors(wantsColors(isInteractive, environment)),
    get width() {
      return Number(environment.COLUMNS) || (stdout.isTTY ? stdout.columns : undefined) || Number.POSITIVE_INFINITY;
    },
    get height() {
      return Number(environment.LINES) || (stdout.isTTY ? stdout.rows : undefined) || Number.POSITIVE_INFINITY;
    },
    write: (text) => void stdout.write(text),
    print: (line) => void stdout.write(`${line}\n`),
    note: (line) => void stderr.write(`${line}\n`),
  };
}

// https://no-color.org and https://force-color.org: both count when they are not empty.
function wantsColors(isInteractive: boolean, environment: Environment): boolean {
  if (environment.NO_COLOR) return false;
  return isInteractive || Boolean(environment.FORCE_COLOR && environment.FORCE_COLOR !== '0');
}

/** Text from a job, safe to print: a log line must not move the cursor or recolour the terminal. */
export function cleanText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

/** The same on one line. */
export function cleanLine(text: string): string {
  return cleanText(text).replace(/\s+/g, ' ').trim();
}

const WIDE = /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u;
const INVISIBLE = /\p{Mn}|\u200d|\ufe0f/u;

/** How many columns a text takes; colours take none, wide characters two. */
export function measureWidth(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) {
    if (!INVISIBLE.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/** Shortens uncoloured text to `width` columns, with an ellipsis. */
export function truncateText(text: string, width: number): string {
  if (measureWidth(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (measureWidth(kept + character) > width - 1) break;
    kept += character;
  }
  return width < 1 ? '' : `${kept.trimEnd()}…`;
}
