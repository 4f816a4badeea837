import type { BulkTally } from './bulk.ts';
import type { LineSource } from './bulk-source.ts';
import type { CliContext } from './context.ts';
import { formatDuration, formatPercent } from './format.ts';
import { renderBar } from './progress.ts';
import { measureWidth, truncateText } from './terminal.ts';

const CLEAR_LINE = '\r\u001b[2K';
const BAR_WIDTH = 24;

/** The line below everything that says how far a bulk enqueue has come; on a terminal only. */
export interface BulkMeter {
  show(tally: BulkTally): void;
  /** Prints something above it. */
  note(line: string): void;
  close(): void;
}

export function createBulkMeter(
  { terminal, clock }: Pick<CliContext, 'terminal' | 'clock'>,
  { isShown, source }: { isShown: boolean; source: Pick<LineSource, 'totalBytes' | 'readBytes'> },
): BulkMeter {
  const isLive = isShown && terminal.isInteractive;
  const startedAtMs = clock.now();
  let drawn = '';
  const draw = () => {
    if (isLive && drawn !== '') terminal.write(CLEAR_LINE + drawn);
  };
  return {
    show(tally) {
      drawn = renderMeter(tally, source, { elapsedMs: clock.now() - startedAtMs, terminal });
      draw();
    },
    note(line) {
      if (isLive && drawn !== '') terminal.write(CLEAR_LINE);
      terminal.note(line);
      draw();
    },
    close() {
      if (isLive && drawn !== '') terminal.write(CLEAR_LINE);
      drawn = '';
    },
  };
}

/** `████░░░░  41 %  410000 lines, 12 rejected  8200/s  ETA 1 min` */
export function renderMeter(
  tally: BulkTally,
  { totalBytes, readBytes }: Pick<LineSource, 'totalBytes' | 'readBytes'>,
  { elapsedMs, terminal }: { elapsedMs: number; terminal: CliContext['terminal'] },
): string {
  const done = totalBytes === undefined ? undefined : totalBytes === 0 ? 1 : Math.min(1, readBytes / totalBytes);
  const perSecond = elapsedMs > 0 ? Math.round((tally.line * 1000) / elapsedMs) : 0;
  const rest = [
    `${tally.line} lines${tally.rejected > 0 ? `, ${tally.rejected} rejected` : ''}`,
    ...(perSecond > 0 ? [`${perSecond}/s`] : []),
    ...(done !== undefined && done > 0 && done < 1 ? [`ETA ${formatDuration((elapsedMs * (1 - done)) / done)}`] : []),
  ].join('  ');
  const head = done === undefined ? '' : `${formatPercent(done * 100).padStart(5)}  `;
  const bar = done === undefined ? '' : `${renderBar(done * 100, BAR_WIDTH, terminal.colors)} `;
  // One column stays free: a full line would wrap, and then could not be drawn over.
  const width = Math.min(terminal.width, 120) - 1;
  const text = head + rest;
  return measureWidth(text) + BAR_WIDTH + 1 <= width ? bar + text : truncateText(text, width);
}
