import { stripVTControlCharacters } from 'node:util';
import type { JobResource } from '../../contract/job.ts';
import type { QueueResource } from '../../contract/program.ts';
import type { WorkerResource } from '../../contract/workers.ts';
import { colorStatus, formatAge, formatDuration, formatPercent } from '../format.ts';
import { type Column, renderTable } from '../table.ts';
import { type Colors, cleanLine, measureWidth } from '../terminal.ts';
import type { ScreenSize } from './render.ts';
import { findCursor, listJobs, listQueues, listWorkers, type Pane, type TopState } from './state.ts';

const MARKER = '> ';

/** One list: its head, and the rows around the cursor that fit. */
export function renderPane(state: TopState, pane: Pane, size: ScreenSize, colors: Colors): string[] {
  if (!state.snapshot) return [];
  const nowMs = state.snapshot.atMs;
  switch (pane) {
    case 'queues':
      return renderRows(state, pane, listQueues(state), createQueueColumns(colors), size, colors);
    case 'workers':
      return renderRows(state, pane, listWorkers(state), createWorkerColumns(colors, nowMs), size, colors);
    default:
      return renderRows(state, pane, listJobs(state, pane), createJobColumns(pane, colors, nowMs), size, colors);
  }
}

const NOTHING: Record<Pane, string> = {
  queues: 'no queue',
  running: 'no job is running',
  waiting: 'no job is waiting',
  failed: 'no job has failed',
  workers: 'no worker is there',
};

function renderRows<Row>(
  state: TopState,
  pane: Pane,
  rows: readonly Row[],
  columns: Column<Row>[],
  { width, height }: ScreenSize,
  colors: Colors,
): string[] {
  if (rows.length === 0) return [colors.dim(`  ${NOTHING[pane]}`)];
  const cursor = findCursor(state, pane);
  const room = Math.max(1, height - 1);
  const from = Math.max(0, Math.min(cursor - Math.floor(room / 2), rows.length - room));
  const [head = '', ...lines] = renderTable(rows.slice(from, from + room), columns, {
    width: width - MARKER.length,
    colors,
  }).split('\n');
  const drawn = lines.map((line, index) =>
    from + index === cursor ? markLine(line, state.pane === pane, width, colors) : `  ${line}`,
  );
  return [`  ${head}`, ...drawn];
}

/** The line under the cursor: marked for those without colours, too. */
function markLine(line: string, hasFocus: boolean, width: number, colors: Colors): string {
  if (!hasFocus) return `  ${line}`;
  const text = MARKER + stripVTControlCharacters(line);
  return colors.inverse(text + ' '.repeat(Math.max(0, width - measureWidth(text))));
}

function createQueueColumns(colors: Colors): Column<QueueResource>[] {
  const number = (
    title: string,
    read: (queue: QueueResource) => number,
    dropOrder?: number,
  ): Column<QueueResource> => ({
    title,
    cell: (queue) => String(read(queue)),
    align: 'right',
    ...(dropOrder === undefined ? {} : { dropOrder }),
  });
  return [
    { title: 'QUEUE', cell: ({ name }) => name, minWidth: 12 },
    { title: 'STATE', cell: ({ isPaused }) => (isPaused ? colors.yellow('paused') : colors.green('active')) },
    number('PER MIN', ({ throughputPerMinute }) => Math.round(throughputPerMinute)),
    number('RUNNING', ({ counts }) => counts.processing),
    number('QUEUED', ({ counts }) => counts.queued),
    number('LATER', ({ counts }) => counts.scheduled + counts.retrying + counts.waiting, 2),
    number('FAILED', ({ counts }) => counts.failed, 1),
    number('WORKERS', ({ workers }) => workers, 3),
    {
      title: 'OLDEST',
      cell: ({ oldestWaitMs }) => (oldestWaitMs === null ? '' : formatDuration(oldestWaitMs)),
      align: 'right',
      dropOrder: 4,
    },
  ];
}

function createJobColumns(
  pane: 'running' | 'waiting' | 'failed',
  colors: Colors,
  nowMs: number,
): Column<JobResource>[] {
  const last: Record<typeof pane, Column<JobResource>> = {
    running: { title: 'PROGRESS', cell: describeProgress, minWidth: 10 },
    waiting: { title: 'DUE', cell: ({ runAt }) => formatAge(runAt, nowMs), minWidth: 8 },
    failed: { title: 'ERROR', cell: ({ error, reason }) => cleanLine(error?.message ?? reason ?? ''), minWidth: 10 },
  };
  return [
    { title: 'TYPE', cell: ({ type }) => cleanLine(type), minWidth: 12 },
    { title: 'STATUS', cell: ({ status }) => colorStatus(status, colors) },
    { title: 'AGE', cell: ({ startedAt, createdAt }) => formatAge(startedAt ?? createdAt, nowMs), dropOrder: 2 },
    { title: 'TRY', cell: ({ attempt, maxAttempts }) => `${attempt}/${maxAttempts}`, align: 'right', dropOrder: 1 },
    last[pane],
    { title: 'TENANT', cell: ({ tenant }) => tenant, dropOrder: 4 },
    { title: 'ID', cell: ({ id }) => id, dropOrder: 3 },
  ];
}

function describeProgress({ progress }: JobResource): string {
  return [formatPercent(progress.percent), cleanLine(progress.message ?? '')].filter((part) => part !== '').join(' ');
}

function createWorkerColumns(colors: Colors, nowMs: number): Column<WorkerResource>[] {
  return [
    { title: 'HOST', cell: ({ host }) => cleanLine(host), minWidth: 10 },
    { title: 'PID', cell: ({ pid }) => String(pid), align: 'right' },
    { title: 'STATE', cell: ({ isAlive }) => (isAlive ? colors.green('alive') : colors.red('silent')) },
    { title: 'RUNNING', cell: ({ running, concurrency }) => `${running}/${concurrency}`, align: 'right' },
    { title: 'HEARD', cell: ({ lastHeartbeatAt }) => formatAge(lastHeartbeatAt, nowMs), dropOrder: 1 },
    { title: 'SINCE', cell: ({ startedAt }) => formatAge(startedAt, nowMs), dropOrder: 2 },
    { title: 'QUEUES', cell: ({ queues }) => cleanLine(queues.join(', ')), minWidth: 10, dropOrder: 3 },
  ];
}
