import { formatDuration } from '../format.ts';
import { type Colors, cleanLine, measureWidth } from '../terminal.ts';
import type { TopState } from './state.ts';

export interface HeadOptions {
  width: number;
  nowMs: number;
}

const NO_FIGURE = '–';
const SECONDS_PER_MINUTE = 60;

/** Who is asked, how it is, and its figures. Once it does not answer, how long it has not, and no figures of former times. */
export function renderHead(state: TopState, { width, nowMs }: HeadOptions, colors: Colors): string[] {
  const { url, snapshot, fault, queue, filter } = state;
  const version = cleanLine(snapshot?.health.version ?? '');
  const only = [queue && `queue ${queue}`, filter && `with "${cleanLine(filter)}"`].filter(Boolean).join(', ');
  const parts = [colors.bold(`longshore ${version}`.trim()), url];
  if (fault === undefined) parts.push(describeHealth(state, colors));
  if (only !== '') parts.push(colors.yellow(`only ${only}`));
  const lines = wrapParts(parts, width);
  if (fault !== undefined) lines.push(colors.red(`! ${describeSilence(snapshot?.atMs, nowMs)}${cleanLine(fault)}`));
  return [...lines, ...wrapParts(listFigures(state, colors), width)];
}

function describeHealth({ snapshot }: TopState, colors: Colors): string {
  if (!snapshot) return 'asking …';
  const { status, uptime } = snapshot.health;
  const paint = status === 'ok' ? colors.green : colors.yellow;
  return `${paint(status)}  up ${formatDuration(Math.floor(uptime) * 1000)}`;
}

function describeSilence(seenAtMs: number | undefined, nowMs: number): string {
  if (seenAtMs === undefined) return '';
  return `no news for ${formatDuration(Math.floor(Math.max(0, nowMs - seenAtMs) / 1000) * 1000)}: `;
}

function listFigures({ snapshot, fault }: TopState, colors: Colors): string[] {
  if (!snapshot) return [];
  const { counts, completedLastMinute, failedLastMinute, workers } = snapshot.stats;
  const tell = (figure: number | string) => (fault === undefined ? String(figure) : NO_FIGURE);
  const rate = (perMinute: number) => tell(`${(perMinute / SECONDS_PER_MINUTE).toFixed(1)}/s`);
  const failed = `${rate(failedLastMinute)} failed`;
  return [
    `${rate(completedLastMinute)} completed`,
    failedLastMinute > 0 && fault === undefined ? colors.red(failed) : failed,
    `${tell(counts.processing)} running`,
    `${tell(counts.queued)} queued`,
    `${tell(counts.scheduled + counts.retrying + counts.waiting)} later`,
    `${tell(workers)} ${workers === 1 ? 'worker' : 'workers'}`,
  ];
}

/** As many parts in a line as fit. */
function wrapParts(parts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const longer = `${lines.at(-1)}  ${part}`;
    if (lines.length > 0 && measureWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}
