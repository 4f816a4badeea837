import { stripVTControlCharacters } from 'node:util';
import { isTerminal, type JobResource, type LogLineResource } from '../contract/job.ts';
import type { WaitingFor } from '../contract/waiting.ts';
import { colorStatus, formatAge, formatDuration, formatPercent, formatTimestamp } from './format.ts';
import type { Column } from './table.ts';
import { type Colors, cleanLine, cleanText, measureWidth, type Terminal } from './terminal.ts';

type Style = Pick<Terminal, 'width' | 'colors'>;
type Row = readonly [label: string, value: string];

export function createJobColumns(colors: Colors, nowMs: number): Column<JobResource>[] {
  return [
    { title: 'STATUS', cell: (job) => colorStatus(job.status, colors) },
    { title: 'ID', cell: (job) => job.id },
    { title: 'TYPE', cell: (job) => cleanLine(job.type), minWidth: 12 },
    { title: 'ATTEMPT', cell: (job) => `${job.attempt}/${job.maxAttempts}`, align: 'right', dropOrder: 2 },
    { title: 'CREATED', cell: (job) => formatAge(job.createdAt, nowMs), align: 'right', dropOrder: 1 },
    { title: 'TOOK', cell: (job) => formatRuntime(job, nowMs), align: 'right', dropOrder: 3 },
    { title: 'NOTE', cell: (job) => noteOf(job, nowMs), minWidth: 16, dropOrder: 4 },
  ];
}

/** Everything that people ask about one job. */
export function renderJob(job: JobResource, nowMs: number, style: Style): string {
  const { colors } = style;
  const at = (iso: string) => `${formatTimestamp(iso, nowMs)} ${colors.dim(`(${formatAge(iso, nowMs)})`)}`;
  const isDue = Date.parse(job.runAt) <= nowMs;
  const rows: Row[] = [
    ['id', job.id],
    ['status', colorStatus(job.status, colors) + (job.reason ? ` ${colors.dim(`(${job.reason})`)}` : '')],
    ['queue', cleanLine(job.queue) + (job.priority === 0 ? '' : `, priority ${job.priority}`)],
    ['tenant', job.tenant === 'default' ? '' : cleanLine(job.tenant)],
    ['dedup', cleanLine(job.deduplicationKey ?? '')],
    ['tags', cleanLine(job.tags.join(', '))],
    ['attempt', `${job.attempt} of ${job.maxAttempts}`],
    ['created', at(job.createdAt)],
    ['waits for', describeWaiting(job.waitingFor)],
    ['due', isDue || isTerminal(job.status) ? '' : at(job.runAt)],
    ['started', job.startedAt ? at(job.startedAt) : ''],
    ['finished', job.finishedAt ? at(job.finishedAt) : ''],
    ['took', formatRuntime(job, nowMs)],
    ['worker', cleanLine(job.worker ?? '')],
    ['parent', job.parentId ?? ''],
    ['progress', job.progress.percent > 0 || job.progress.message ? describeProgress(job) : ''],
    ['metadata', Object.keys(job.metadata).length === 0 ? '' : formatJson(job.metadata, style)],
    ['input', formatJson(job.input, style)],
    ...listResults(job, style),
    ['stack', colors.dim(listFrames(job.error?.stack).join('\n'))],
  ];
  return `${colors.bold(cleanLine(job.type))}\n${renderRows(rows, colors)}`;
}

/** How an ended job turned out, with its output or error. */
export function renderOutcome(job: JobResource, style: Style): string {
  // A completed job may have failed before; that was told when it happened.
  const results = renderRows(
    listResults(job.status === 'completed' ? { ...job, error: null } : job, style),
    style.colors,
  );
  return [renderHeadline(job, style.colors), results].filter((part) => part !== '').join('\n');
}

/** `✔ completed in 1.5 s`, `✘ failed (attempts_exhausted), in 12 s, attempt 3 of 3` */
export function renderHeadline(job: JobResource, colors: Colors): string {
  const mark = job.status === 'completed' ? colors.green('✔') : colors.red('✘');
  const took = formatRuntime(job, Date.parse(job.finishedAt ?? job.createdAt));
  const details = [
    job.reason ? `(${job.reason})` : '',
    took === '' ? '' : `in ${took}`,
    job.attempt > 1 ? `attempt ${job.attempt} of ${job.maxAttempts}` : '',
  ].filter((part) => part !== '');
  return `${mark} ${colorStatus(job.status, colors)} ${details.join(', ')}`.trimEnd();
}

export function renderLogLine(
  line: Pick<LogLineResource, 'level' | 'message' | 'fields' | 'at'>,
  nowMs: number,
  colors: Colors,
): string {
  const paint =
    { debug: colors.dim, info: colors.blue, warn: colors.yellow, error: colors.red }[line.level] ?? colors.dim;
  const hasFields = line.fields !== null && Object.keys(line.fields).length > 0;
  const fields = hasFields ? ` ${colors.dim(cleanText(JSON.stringify(line.fields)))}` : '';
  const level = paint(line.level.toUpperCase().padEnd(5));
  return `${colors.dim(formatTimestamp(line.at, nowMs))} ${level} ${cleanText(line.message)}${fields}`;
}

/** From the start of the last run to its end, or to now. */
function formatRuntime(job: JobResource, nowMs: number): string {
  if (!job.startedAt) return '';
  if (!job.finishedAt && job.status !== 'processing') return '';
  return formatDuration((job.finishedAt ? Date.parse(job.finishedAt) : nowMs) - Date.parse(job.startedAt));
}

function noteOf(job: JobResource, nowMs: number): string {
  if (job.error && job.status !== 'completed') return cleanLine(job.error.message);
  if (job.status === 'processing') return describeProgress(job);
  if (job.status === 'scheduled') return `due ${formatAge(job.runAt, nowMs)}`;
  return job.reason ?? '';
}

const waitingWords: Record<WaitingFor['reason'], string> = {
  queue_paused: 'its queue, which is paused',
  tenant_limit: 'jobs of its tenant, which has as many running as it may',
  rate_limit: 'the rate limit',
  concurrency_key: 'other jobs of its concurrency key',
  delay: 'its time',
  no_worker: 'a worker: none serves its queue now',
  backlog: 'its turn',
  steps: 'its steps',
};

/** `its turn, 812 before it, about 4.1 s` */
function describeWaiting(waitingFor: JobResource['waitingFor']): string {
  if (!waitingFor) return '';
  const { reason, position, etaMs } = waitingFor;
  const before = position === null ? '' : `${position} before it`;
  const eta = etaMs === null || reason === 'delay' ? '' : `about ${formatDuration(etaMs)}`;
  return [waitingWords[reason], before, eta].filter((part) => part !== '').join(', ');
}

/** The lines below the message, which is shown already. */
function listFrames(stack: string | undefined): string[] {
  const lines = cleanText(stack ?? '').split('\n');
  return lines.filter((line) => /^\s+at /.test(line)).map((line) => line.trim());
}

function describeProgress({ progress }: JobResource): string {
  return [formatPercent(progress.percent), cleanLine(progress.message ?? '')].filter((part) => part !== '').join('  ');
}

function listResults(job: JobResource, style: Style): Row[] {
  const { error } = job;
  const code = error?.code ? ` [${cleanLine(error.code)}]` : '';
  return [
    ['output', job.output === null || job.output === undefined ? '' : formatJson(job.output, style)],
    ['error', error ? style.colors.red(`${cleanLine(error.name)}: ${cleanText(error.message)}`) + code : ''],
  ];
}

const LABEL_WIDTH = 10;

function renderRows(rows: readonly Row[], colors: Colors): string {
  return rows
    .filter(([, value]) => stripVTControlCharacters(value) !== '')
    .map(
      ([label, value]) =>
        colors.dim(label.padEnd(LABEL_WIDTH)) + value.replaceAll('\n', `\n${' '.repeat(LABEL_WIDTH)}`),
    )
    .join('\n');
}

/** On one line where it fits. */
function formatJson(value: unknown, style: Style): string {
  const short = cleanText(JSON.stringify(value) ?? 'null');
  if (measureWidth(short) <= Math.min(style.width, 100) - LABEL_WIDTH) return short;
  return cleanText(JSON.stringify(value, null, 2));
}
