import type { Terminal } from '../terminal.ts';

// Without a cursor, and without wrapping: a line that was measured wrongly must not push others down.
const [ENTER, LEAVE] = ['\u001b[?1049h\u001b[?25l\u001b[?7l', '\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l'];
// A terminal that knows synchronized output shows all of it at once; any other passes over the mode.
const [BEGIN, END] = ['\u001b[?2026h', '\u001b[?2026l'];
const CLEAR_ALL = '\u001b[2J';
const goToRow = (row: number) => `\u001b[${row};1H`;

/** The alternate screen of a terminal. What was there before comes back with `close`, which may be called twice. */
export interface Screen {
  /** Writes the lines that have changed since the last time, and no others: nothing flickers. Each fills the window. */
  draw(lines: readonly string[]): void;
  /** The window has another size: whatever is there is in the wrong place. */
  forget(): void;
  close(): void;
}

export function openScreen(terminal: Pick<Terminal, 'write'>): Screen {
  let shown: readonly string[] | undefined;
  let isOpen = true;
  terminal.write(ENTER);
  return {
    draw(lines) {
      if (!isOpen) return;
      const start = shown === undefined ? CLEAR_ALL : '';
      const changes = lines.flatMap((line, row) => (shown?.[row] === line ? [] : [goToRow(row + 1) + line]));
      shown = [...lines];
      if (start !== '' || changes.length > 0) terminal.write(BEGIN + start + changes.join('') + END);
    },
    forget() {
      shown = undefined;
    },
    close() {
      if (isOpen) terminal.write(LEAVE);
      isOpen = false;
    },
  };
}
