import type { ScheduleResource, ScheduleRunResource } from '../contract/schedules.ts';
import { formatAge, formatDuration, formatTimestamp } from './format.ts';
import type { Column } from './table.ts';
import { type Colors, cleanLine, type Terminal } from './terminal.ts';

type Style = Pick<Terminal, 'width' | 'colors'>;

export function createScheduleColumns(colors: Colors, nowMs: number): Column<ScheduleResource>[] {
  return [
    { title: 'NAME', cell: (each) => colors.bold(cleanLine(each.name)), minWidth: 10 },
    { title: 'ID', cell: (each) => each.id },
    { title: 'TYPE', cell: (each) => cleanLine(each.type), minWidth: 10, dropOrder: 3 },
    { title: 'WHEN', cell: describeTiming, minWidth: 10, dropOrder: 2 },
    { title: 'NEXT', cell: (each) => describeNext(each, colors, nowMs) },
    { title: 'LAST', cell: (each) => (each.lastRunAt ? formatAge(each.lastRunAt, nowMs) : ''), dropOrder: 4 },
    { title: 'NOTE', cell: (each) => colors.red(cleanLine(each.lastError ?? '')), minWidth: 12, dropOrder: 5 },
  ];
}

export function createRunColumns(colors: Colors, nowMs: number): Column<ScheduleRunResource>[] {
  return [
    { title: 'DUE', cell: (run) => formatTimestamp(run.dueAt, nowMs) },
    { title: 'KIND', cell: (run) => run.kind, dropOrder: 2 },
    { title: 'OUTCOME', cell: (run) => paintOutcome(run.outcome, colors) },
    { title: 'JOB', cell: (run) => run.jobId ?? '' },
    { title: 'DETAIL', cell: (run) => cleanLine(run.detail ?? ''), minWidth: 16, dropOrder: 1 },
  ];
}

/** Everything that people ask about one schedule. */
export function renderSchedule(schedule: ScheduleResource, nowMs: number, { colors }: Style): string {
  const rows: [label: string, value: string][] = [
    ['id', schedule.id],
    ['type', cleanLine(schedule.type)],
    ['tenant', schedule.tenant === 'default' ? '' : cleanLine(schedule.tenant)],
    ['when', describeTiming(schedule)],
    ['state', describeState(schedule, colors)],
    ['catch-up', schedule.catchUp],
    ['overlap', schedule.overlap],
    ['defined', schedule.source === 'code' ? 'in code' : ''],
    ['last', schedule.lastRunAt ? `${formatTimestamp(schedule.lastRunAt, nowMs)}` : ''],
    ['error', colors.red(cleanLine(schedule.lastError ?? ''))],
    ['input', cleanLine(JSON.stringify(schedule.input))],
    ['options', Object.keys(schedule.options).length > 0 ? cleanLine(JSON.stringify(schedule.options)) : ''],
    ['next', renderTimes(schedule.nextRuns, schedule.timeZone).join('\n')],
  ];
  const lines = rows
    .filter(([, value]) => value !== '' && value !== colors.red(''))
    .map(
      ([label, value]) =>
        colors.dim(label.padEnd(LABEL_WIDTH)) + value.replaceAll('\n', `\n${' '.repeat(LABEL_WIDTH)}`),
    );
  return [colors.bold(cleanLine(schedule.name)), ...lines].join('\n');
}

const LABEL_WIDTH = 10;

/** Each time in a zone, and here where that is another one. */
export function renderTimes(times: readonly string[], timeZone: string): string[] {
  const here = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return times.map((iso) => {
    const there = formatIn(iso, timeZone);
    return here === timeZone ? there : `${there}   ${formatIn(iso, here)}`;
  });
}

function formatIn(iso: string, timeZone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, weekday: 'short', year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'shortOffset', hourCycle: 'h23' },
  });
  const parts = new Map(format.formatToParts(new Date(iso)).map(({ type, value }) => [type, value]));
  const get = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? '';
  const date = `${get('weekday')} ${get('year')}-${get('month')}-${get('day')}`;
  return `${date} ${get('hour')}:${get('minute')}:${get('second')} ${get('timeZoneName')} ${timeZone}`;
}

function describeTiming({ cron, everyMs, runAt, timeZone }: ScheduleResource): string {
  if (cron !== null) return cleanLine(timeZone === 'UTC' ? cron : `${cron} (${timeZone})`);
  return everyMs === null ? `once, ${runAt}` : `every ${formatDuration(everyMs)}`;
}

function describeNext({ enabled, nextRunAt }: ScheduleResource, colors: Colors, nowMs: number): string {
  if (!enabled) return colors.yellow('paused');
  return nextRunAt === null ? colors.dim('never') : formatAge(nextRunAt, nowMs);
}

function describeState({ enabled, retiredAt }: ScheduleResource, colors: Colors): string {
  if (retiredAt !== null) return colors.yellow('off: no program defines it any more');
  return enabled ? 'on' : colors.yellow('paused');
}

function paintOutcome(outcome: ScheduleRunResource['outcome'], colors: Colors): string {
  const paint = { enqueued: colors.green, skipped: colors.dim, waiting: colors.yellow, rejected: colors.red }[outcome];
  return (paint ?? colors.reset)(outcome);
}
