import { stripVTControlCharacters } from 'node:util';
import { renderJob, renderLogLine } from '../job-view.ts';
import { type Colors, cleanLine, measureWidth, truncateText } from '../terminal.ts';
import { renderHead } from './head.ts';
import { HELP_LINES } from './help.ts';
import { renderPane } from './panes.ts';
import { type LowerPane, listKeys, panes, type TopState } from './state.ts';

export interface ScreenSize {
  width: number;
  height: number;
}

export interface RenderOptions extends ScreenSize {
  nowMs: number;
}

const MIN_FOR_TWO_LISTS = 14;

/** The whole screen: exactly `height` lines, each exactly `width` columns wide. Pure. */
export function renderTop(state: TopState, size: RenderOptions, colors: Colors): string[] {
  // In a low window rows are worth more than figures.
  const head = renderHead(state, size, colors).slice(0, Math.max(1, Math.floor(size.height / 3)));
  const foot = renderFoot(state, colors);
  const room = Math.max(0, size.height - head.length - 1);
  const body = renderBody(state, { ...size, height: room }, colors).slice(0, room);
  const filling = Array<string>(room - body.length).fill('');
  const lines = [...head, ...body, ...filling, foot].slice(-Math.max(1, size.height));
  return lines.map((line) => fitWidth(line, size.width));
}

function renderBody(state: TopState, size: RenderOptions, colors: Colors): string[] {
  if (state.mode.kind === 'help') return [...HELP_LINES];
  if (state.mode.kind === 'details') return renderDetails(state.mode, size, colors);
  if (size.height < MIN_FOR_TWO_LISTS) {
    return [renderTabs(state, colors), ...renderPane(state, state.pane, { ...size, height: size.height - 1 }, colors)];
  }
  const upper = Math.min(listKeys(state, 'queues').length + 1, Math.floor(size.height * 0.4));
  const lower = size.height - upper - 2;
  const queues = renderPane(state, 'queues', { ...size, height: upper }, colors);
  const gap = Array<string>(Math.max(0, upper - queues.length)).fill('');
  return [
    ...queues,
    ...gap,
    '',
    renderTabs(state, colors),
    ...renderPane(state, state.lower, { ...size, height: lower }, colors),
  ];
}

const TITLES: Record<LowerPane | 'queues', string> = {
  queues: 'Queues',
  running: 'Running',
  waiting: 'Waiting',
  failed: 'Failed',
  workers: 'Workers',
};

/** The lists by name: the one that is shown in brackets, the one with the cursor in bold. */
function renderTabs(state: TopState, colors: Colors): string {
  return panes
    .map((pane) => {
      const title = pane === state.lower || pane === state.pane ? `[${TITLES[pane]}]` : ` ${TITLES[pane]} `;
      return pane === state.pane ? colors.bold(title) : colors.dim(title);
    })
    .join(' ');
}

/** The job, and below it the end of its log, which stays in sight: only the job scrolls. */
function renderDetails(
  { job, logs, scroll }: Extract<TopState['mode'], { kind: 'details' }>,
  { width, height, nowMs }: RenderOptions,
  colors: Colors,
): string[] {
  const facts = renderJob(job, nowMs, { width, colors }).split('\n');
  const tail = logs.map((line) => renderLogLine(line, nowMs, colors).replaceAll('\n', ' '));
  const room =
    tail.length === 0 ? 0 : Math.min(tail.length, Math.max(Math.floor(height / 2), height - facts.length - 1));
  const factRoom = Math.max(0, room === 0 ? height : height - room - 1);
  const from = Math.min(scroll, Math.max(0, facts.length - factRoom));
  const shown = facts.slice(from, from + factRoom);
  return room === 0 ? shown : [...shown, colors.dim('log'), ...tail.slice(-room)];
}

function renderFoot({ mode, notice }: TopState, colors: Colors): string {
  if (mode.kind === 'confirm') return colors.yellow(cleanLine(mode.question));
  if (mode.kind === 'filter') return `/${cleanLine(mode.text)}▏`;
  if (mode.kind === 'help') return colors.dim('any key goes back');
  if (notice) return colors.yellow(cleanLine(notice));
  if (mode.kind === 'details') return colors.dim('Esc back  r retry  c cancel  ↑↓ scroll');
  return colors.dim('q quit  ? help  Tab list  p pause  Enter open  r retry  c cancel  s sort  / filter');
}

// Every line fills the window: nothing has to be cleared behind it, which could be seen, or would take its last character.
function fitWidth(line: string, width: number): string {
  const cut = measureWidth(line) <= width ? line : truncateText(stripVTControlCharacters(line), width);
  return cut + ' '.repeat(Math.max(0, width - measureWidth(cut)));
}
