import { stripVTControlCharacters } from 'node:util';
import type { JobResource } from '../../contract/job.ts';
import { renderJob } from '../job-view.ts';
import { type Colors, cleanLine, measureWidth, truncateText } from '../terminal.ts';
import { HELP_LINES } from './help.ts';
import { renderPane } from './panes.ts';
import { type LowerPane, listKeys, panes, type TopState } from './state.ts';

export interface ScreenSize {
  width: number;
  height: number;
}

const MIN_FOR_TWO_LISTS = 14;

/** The whole screen: exactly `height` lines, none wider than `width`. Pure. */
export function renderTop(state: TopState, size: ScreenSize, colors: Colors): string[] {
  const head = renderHead(state, colors);
  const foot = renderFoot(state, colors);
  const room = Math.max(0, size.height - head.length - 1);
  const body = renderBody(state, { width: size.width, height: room }, colors).slice(0, room);
  const filling = Array<string>(room - body.length).fill('');
  const lines = [...head, ...body, ...filling, foot].slice(-Math.max(1, size.height));
  return lines.map((line) => fitWidth(line, size.width));
}

function renderHead({ url, snapshot, fault, queue, filter }: TopState, colors: Colors): string[] {
  const state = fault ? colors.red(cleanLine(fault)) : snapshot ? colors.green('ok') : 'asking …';
  const only = [queue && `queue ${queue}`, filter && `with "${cleanLine(filter)}"`].filter(Boolean).join(', ');
  const first = `${colors.bold('longshore top')}  ${url}  ${state}${only ? colors.yellow(`  only ${only}`) : ''}`;
  if (!snapshot) return [first, ''];
  const { counts, completedLastMinute, failedLastMinute, workers } = snapshot.stats;
  const parts = [
    `${completedLastMinute}/min done`,
    failedLastMinute > 0 ? colors.red(`${failedLastMinute}/min failed`) : '0/min failed',
    `${counts.processing} running`,
    `${counts.queued} queued`,
    `${counts.scheduled + counts.retrying + counts.waiting} later`,
    `${workers} workers`,
  ];
  return [first, parts.join('  ')];
}

function renderBody(state: TopState, size: ScreenSize, colors: Colors): string[] {
  if (state.mode.kind === 'help') return [...HELP_LINES];
  if (state.mode.kind === 'details') return renderDetails(state, state.mode, size, colors);
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

function renderDetails(
  { snapshot }: TopState,
  mode: { job: JobResource; scroll: number },
  { width, height }: ScreenSize,
  colors: Colors,
): string[] {
  const lines = renderJob(mode.job, snapshot?.atMs ?? Date.parse(mode.job.createdAt), { width, colors }).split('\n');
  const from = Math.min(mode.scroll, Math.max(0, lines.length - height));
  return lines.slice(from, from + height);
}

function renderFoot({ mode, notice }: TopState, colors: Colors): string {
  if (mode.kind === 'confirm') return colors.yellow(cleanLine(mode.question));
  if (mode.kind === 'filter') return `/${cleanLine(mode.text)}▏`;
  if (mode.kind === 'help') return colors.dim('any key goes back');
  if (notice) return colors.yellow(cleanLine(notice));
  if (mode.kind === 'details') return colors.dim('Esc back  r retry  c cancel  ↑↓ scroll');
  return colors.dim('q quit  ? help  Tab list  p pause  Enter open  r retry  c cancel  / filter');
}

function fitWidth(line: string, width: number): string {
  return measureWidth(line) <= width ? line : truncateText(stripVTControlCharacters(line), width);
}
