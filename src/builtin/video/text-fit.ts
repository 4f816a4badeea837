/** Widths of letters as parts of the font size, a little more than Inter's, so that an estimate errs on the safe side. */
const widths: readonly [letters: RegExp, width: number][] = [
  [/[iljtfrI.,:;'’!|()[\]-]/, 0.36],
  [/[mwMW@%—…]/, 0.92],
  [/[\p{Lu}&]/u, 0.72],
  [/[\p{Ll}\p{Nd}]/u, 0.61],
  [/\s/, 0.29],
];
/** What no font here has is drawn as a wide box. */
const OTHER = 1.05;

export interface Fit {
  fontSize: number;
  /** How many lines there is room for. */
  room: number;
  /** How many the text takes, at most `room`. */
  lines: number;
}

/**
 * Chooses the largest of some font sizes at which a text has room.
 * @param box.fontSizes from the largest to the smallest; the smallest is taken where nothing fits
 * @returns the size, and how many lines may be shown: what still does not fit is to be cut off with an ellipsis
 */
export function fitText(
  text: string,
  box: { width: number; height: number; fontSizes: readonly [number, ...number[]]; lineHeight: number },
): Fit {
  let fit: Fit = { fontSize: box.fontSizes[0], room: 1, lines: 1 };
  for (const fontSize of box.fontSizes) {
    const room = Math.max(1, Math.floor(box.height / (fontSize * box.lineHeight)));
    const lines = countLines(text, box.width / fontSize);
    fit = { fontSize, room, lines: Math.min(lines, room) };
    if (lines <= room) break;
  }
  return fit;
}

/** @param lineWidth as a multiple of the font size */
function countLines(text: string, lineWidth: number): number {
  let lines = 1;
  let used = 0;
  for (const word of text.split(/(?<=\s)/)) {
    const width = measure(word);
    if (used > 0 && used + measure(word.trimEnd()) > lineWidth) {
      lines += 1;
      used = 0;
    }
    lines += Math.floor(Math.min(used + width, 10_000) / (lineWidth + 0.5)); // a word that is wider than a line is broken
    used = (used + width) % (lineWidth + 0.5);
  }
  return lines;
}

function measure(text: string): number {
  let width = 0;
  for (const letter of text) width += widths.find(([letters]) => letters.test(letter))?.[1] ?? OTHER;
  return width;
}
