import type { JobEvent, JobResource } from '../contract/job.ts';
import { type CliContext, printJsonLine } from './context.ts';
import { formatDuration, formatTimestamp } from './format.ts';
import { renderLogLine, renderOutcome } from './job-view.ts';
import { renderPlainProgress, renderProgressLine } from './progress.ts';
import { cleanLine } from './terminal.ts';
import { readErrorMessage, readLogLine, readText, readTime, type WatchState } from './watch-state.ts';

/** How a watched job is shown. `close` may be called at any time, and twice. */
export interface WatchView {
  begin(job: JobResource, state: WatchState): void;
  show(event: JobEvent, state: WatchState): void;
  finish(job: JobResource): void;
  close(): void;
}

const CLEAR_LINE = '\r\u001b[2K';
const REDRAW_MS = 1_000;
const PLAIN_STEP_PERCENT = 10;
const PLAIN_STEP_MS = 5_000;

/** On a terminal: log lines, and below them one line that is drawn over and over. */
export function createLiveView({ terminal, clock }: Pick<CliContext, 'terminal' | 'clock'>): WatchView {
  let state: WatchState | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;

  const draw = () => {
    if (!state) return;
    const elapsedMs = Math.max(0, clock.now() - state.sinceMs);
    terminal.write(CLEAR_LINE + renderProgressLine({ ...state, elapsedMs }, terminal));
  };
  const printAbove = (line: string) => {
    terminal.write(CLEAR_LINE);
    terminal.print(line);
  };
  const close = () => {
    clearInterval(timer);
    if (state) terminal.write(CLEAR_LINE);
    state = undefined;
  };
  return {
    begin(job, initial) {
      terminal.print(`${terminal.colors.bold(cleanLine(job.type))} ${terminal.colors.dim(job.id)}`);
      state = initial;
      draw();
      timer = setInterval(draw, REDRAW_MS);
    },
    show(event, next) {
      state = next;
      const line = describeEvent(event, next, clock.now(), terminal);
      if (line !== undefined && !(event.type === 'job.started' && next.attempt <= 1)) printAbove(line);
      draw();
    },
    finish(job) {
      close();
      terminal.print(renderOutcome(job, terminal));
    },
    close,
  };
}

/** In a pipe or a log file: a line for every step, and for progress only when it is news. */
export function createPlainView({ terminal, clock }: Pick<CliContext, 'terminal' | 'clock'>): WatchView {
  let shown = { percent: Number.NEGATIVE_INFINITY, atMs: Number.NEGATIVE_INFINITY };
  const stamp = () => formatTimestamp(new Date(clock.now()).toISOString(), clock.now());

  const showProgress = (state: WatchState) => {
    const isNews = state.percent - shown.percent >= PLAIN_STEP_PERCENT || clock.now() - shown.atMs >= PLAIN_STEP_MS;
    if (!isNews && state.percent < 100) return;
    if (state.percent === 100 && shown.percent === 100) return;
    shown = { percent: state.percent, atMs: clock.now() };
    terminal.print(`${stamp()} ${renderPlainProgress(state)}`);
  };
  return {
    begin: (job) => terminal.print(`${cleanLine(job.type)} ${job.id} is ${job.status}`),
    show(event, state) {
      if (event.type === 'job.progress') return showProgress(state);
      if (event.type === 'job.started') shown = { percent: Number.NEGATIVE_INFINITY, atMs: Number.NEGATIVE_INFINITY };
      const line = describeEvent(event, state, clock.now(), terminal);
      if (line !== undefined) terminal.print(line);
    },
    finish: (job) => terminal.print(renderOutcome(job, terminal)),
    close: () => {},
  };
}

/** For programs: every event as one line of JSON, and nothing else. */
export function createJsonView(cli: CliContext): WatchView {
  return { begin: () => {}, show: (event) => printJsonLine(cli, event), finish: () => {}, close: () => {} };
}

/** @returns undefined for events that the progress line or the outcome tells */
function describeEvent(event: JobEvent, state: WatchState, nowMs: number, { colors }: CliContext['terminal']) {
  const at = colors.dim(formatTimestamp(readText(event.data, 'at') ?? new Date(nowMs).toISOString(), nowMs));
  switch (event.type) {
    case 'job.log':
      return renderLogLine(readLogLine(event, nowMs), nowMs, colors);
    case 'job.started':
      return `${at} started, attempt ${state.attempt} of ${state.maxAttempts}`;
    case 'job.retrying':
      return `${at} ${colors.yellow(describeRetry(event.data, state.attempt, nowMs))}`;
    case 'job.queued': {
      const why = readText(event.data, 'why');
      return why === undefined ? undefined : `${at} ${colors.yellow(`queued again (${cleanLine(why)})`)}`;
    }
    case 'job.waiting':
      return `${at} waiting for its steps`;
    default:
      return undefined;
  }
}

function describeRetry(data: unknown, attempt: number, nowMs: number): string {
  const waitMs = (readTime(data, 'runAt') ?? nowMs) - nowMs;
  const next = waitMs > 0 ? `; the next one starts in ${formatDuration(waitMs)}` : '';
  return `attempt ${attempt} failed: ${cleanLine(readErrorMessage(data) ?? 'no reason given')}${next}`;
}
