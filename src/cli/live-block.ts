import type { Terminal } from './terminal.ts';

const [UP, CLEAR_BELOW] = ['\u001b[A', '\r\u001b[J'];

/** Lines at the end of a terminal that are drawn over and over. */
export interface LiveBlock {
  draw(lines: readonly string[]): void;
}

export function createLiveBlock(terminal: Pick<Terminal, 'write' | 'height' | 'colors'>): LiveBlock {
  let drawn = 0;
  return {
    draw(lines) {
      const shown = fitHeight(lines, terminal);
      terminal.write(UP.repeat(drawn) + CLEAR_BELOW + shown.map((line) => `${line}\n`).join(''));
      drawn = shown.length;
    },
  };
}

// A line that has left the window at its top cannot be drawn over.
function fitHeight(
  lines: readonly string[],
  { height, colors }: Pick<Terminal, 'height' | 'colors'>,
): readonly string[] {
  if (lines.length < height) return lines;
  const kept = Math.max(1, height - 2);
  return [...lines.slice(0, kept), colors.dim(`… and ${lines.length - kept} more lines`)];
}
