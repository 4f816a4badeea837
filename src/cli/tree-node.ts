import { isTerminal, type JobResource, type JobStatus } from '../contract/job.ts';
import type { StepResource } from '../contract/steps.ts';
import { formatAge, formatDuration, formatPercent, paintStatus } from './format.ts';
import { type Colors, cleanLine, measureWidth, truncateText } from './terminal.ts';

/** A part of a line: it is cut before it is coloured. */
export interface Span {
  text: string;
  paint?: ((text: string) => string) | undefined;
}

/** What the root and the steps of a tree have in common. */
export type TreeNode = Pick<
  StepResource,
  'status' | 'reason' | 'attempt' | 'maxAttempts' | 'progress' | 'error' | 'runAt' | 'startedAt' | 'finishedAt'
> & { kind?: StepResource['kind'] };

const glyphs: Record<JobStatus, string> = {
  scheduled: '○',
  queued: '○',
  processing: '●',
  waiting: '◌',
  retrying: '↻',
  completed: '✔',
  failed: '✘',
  cancelled: '–',
  expired: '–',
};
const BAR_WIDTH = 10;

/** `✔ ` */
export function glyphOf(status: JobStatus, colors: Colors): Span {
  return { text: `${glyphs[status] ?? '?'} `, paint: paintStatus(status, colors) };
}

export function describeRoot(job: JobResource, nowMs: number, colors: Colors): Span[] {
  return [
    glyphOf(job.status, colors),
    { text: cleanLine(job.type), paint: colors.bold },
    { text: ` ${job.id}`, paint: colors.dim },
    ...describeState(job, nowMs, colors),
  ];
}

export function describeStep(step: StepResource, nowMs: number, colors: Colors): Span[] {
  return [
    glyphOf(step.status, colors),
    { text: cleanLine(step.key) },
    // A key that was not chosen begins with the type.
    ...(step.key === step.type || step.key.startsWith(`${step.type}#`)
      ? []
      : [{ text: ` ${step.kind === 'event' ? 'event ' : ''}${cleanLine(step.type)}`, paint: colors.dim }]),
    ...describeState(step, nowMs, colors),
  ];
}

/** How far it is, or how it ended. The glyph says what it does; a status that is no matter of course is said in words. */
function describeState(node: TreeNode, nowMs: number, colors: Colors): Span[] {
  const { status } = node;
  const dim = (text: string): Span[] => (text === '' ? [] : [{ text: `  ${text}`, paint: colors.dim }]);
  const attempt: Span[] =
    node.attempt > 1 ? [{ text: `  attempt ${node.attempt}/${node.maxAttempts}`, paint: colors.yellow }] : [];
  if (isTerminal(status)) {
    const how = [status === 'completed' ? '' : status, node.reason ? `(${node.reason})` : ''].filter(Boolean).join(' ');
    return [
      ...(how ? [{ text: `  ${how}`, paint: paintStatus(status, colors) }] : []),
      ...dim(tookOf(node, nowMs)),
      ...attempt,
    ];
  }
  if (status === 'processing' || (status === 'waiting' && node.startedAt !== null && !isPause(node))) {
    return [
      ...describeProgress(node, colors),
      ...dim(tookOf(node, nowMs)),
      ...attempt,
      ...dim(cleanLine(node.progress.message ?? '')),
    ];
  }
  return [{ text: `  ${describeWait(node, nowMs)}`, paint: paintStatus(status, colors) }, ...attempt];
}

function describeProgress({ progress }: TreeNode, colors: Colors): Span[] {
  if (progress.percent <= 0) return [];
  const filled = Math.round((Math.min(100, progress.percent) / 100) * BAR_WIDTH);
  return [
    { text: '  ' },
    { text: '█'.repeat(filled), paint: colors.cyan },
    { text: '░'.repeat(BAR_WIDTH - filled), paint: colors.dim },
    { text: ` ${formatPercent(progress.percent)}` },
  ];
}

function describeWait(node: TreeNode, nowMs: number): string {
  const isAhead = node.runAt !== null && Date.parse(node.runAt) > nowMs;
  const when = isAhead && node.runAt ? formatAge(node.runAt, nowMs) : '';
  if (node.kind === 'event') return when === '' ? 'waits for the event' : `waits for the event, gives up ${when}`;
  if (node.kind === 'sleep') return when === '' ? 'waits' : `goes on ${when}`;
  if (node.status === 'waiting') return 'waits for its turn';
  return [node.status, when].filter(Boolean).join(' ');
}

function isPause({ kind }: TreeNode): boolean {
  return kind === 'sleep' || kind === 'event';
}

/** From its start to its end, or to now in whole seconds; empty before that. */
export function tookOf({ startedAt, finishedAt }: TreeNode, nowMs: number): string {
  if (startedAt === null) return '';
  if (finishedAt !== null) return formatDuration(Date.parse(finishedAt) - Date.parse(startedAt));
  const seconds = Math.floor((nowMs - Date.parse(startedAt)) / 1000);
  return seconds < 1 ? '' : formatDuration(seconds * 1000);
}

/** What went wrong, below the line of a step that failed or is tried again. */
export function errorOf(node: TreeNode): string | undefined {
  if (!node.error || (node.status !== 'failed' && node.status !== 'retrying')) return undefined;
  return cleanLine(`${node.error.name}: ${node.error.message}`);
}

/** Puts the parts together; what does not fit is cut off. */
export function fitLine(spans: readonly Span[], width: number): string {
  let left = width;
  let line = '';
  for (const { text, paint } of spans) {
    if (left <= 0) break;
    const shown = truncateText(text, left);
    left -= measureWidth(shown);
    line += paint ? paint(shown) : shown;
    if (shown !== text) break;
  }
  return line.trimEnd();
}
