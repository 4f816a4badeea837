import type { JobStatus } from '../contract/job.ts';
import { colorStatus, formatDuration, formatPercent } from './format.ts';
import { cleanLine, measureWidth, type Terminal, truncateText } from './terminal.ts';

/** What a watcher knows of a running job. */
export interface LiveState {
  status: JobStatus;
  percent: number;
  message: string | null;
  etaMs: number | null;
  /** Since the run began, or since the job waits. */
  elapsedMs: number;
}

const STATUS_WIDTH = 'processing'.length;
const PERCENT_WIDTH = '100 %'.length;
const BAR_MAX = 30;
const BAR_MIN = 6;
const MESSAGE_MIN = 12;
const GAP = 2;

/** One line that fits the terminal, its parts always in the same place: `processing ███████░░░░░  52 %  ETA 3 s  hashing`. */
export function renderProgressLine(state: LiveState, terminal: Pick<Terminal, 'width' | 'colors'>): string {
  const { colors } = terminal;
  // One column stays free: a full line would wrap, and then could not be drawn over.
  const width = Math.min(terminal.width, 120) - 1;
  const status = colorStatus(state.status, colors) + ' '.repeat(Math.max(0, STATUS_WIDTH - state.status.length));
  const barWidth = Math.min(BAR_MAX, Math.floor((width - STATUS_WIDTH - PERCENT_WIDTH) / 3));
  const bar = barWidth >= BAR_MIN ? `${renderBar(state.percent, barWidth, colors)} ` : '';
  const head = `${status} ${bar}${formatPercent(state.percent).padStart(PERCENT_WIDTH)}`;

  const parts = [head];
  let left = width - measureWidth(head);
  const time = describeTime(state);
  if (time !== '' && left >= GAP + time.length) {
    parts.push(colors.dim(time));
    left -= GAP + time.length;
  }
  const message = cleanLine(state.message ?? '');
  if (message !== '' && left >= GAP + Math.min(MESSAGE_MIN, measureWidth(message))) {
    parts.push(truncateText(message, left - GAP));
  }
  return parts.join(' '.repeat(GAP));
}

function describeTime({ etaMs, elapsedMs }: LiveState): string {
  if (etaMs) return `ETA ${formatDuration(etaMs)}`;
  return elapsedMs < 1000 ? '' : formatDuration(Math.floor(elapsedMs / 1000) * 1000);
}

export function renderBar(percent: number, width: number, colors: Terminal['colors']): string {
  const filled = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width);
  return colors.cyan('█'.repeat(filled)) + colors.dim('░'.repeat(width - filled));
}

/** The same for a pipe: `52 %  hashing  (ETA 3 s)`. */
export function renderPlainProgress({ percent, message, etaMs }: Omit<LiveState, 'status' | 'elapsedMs'>): string {
  const text = cleanLine(message ?? '');
  return [formatPercent(percent).padStart(5), text, !etaMs ? '' : `(ETA ${formatDuration(etaMs)})`]
    .filter((part) => part !== '')
    .join('  ');
}
