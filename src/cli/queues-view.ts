import type { QueueResource } from '../contract/program.ts';
import { formatDuration } from './format.ts';
import type { Column } from './table.ts';
import type { Colors } from './terminal.ts';

export function createQueueColumns(colors: Colors): Column<QueueResource>[] {
  const count = (status: keyof QueueResource['counts'], dropOrder?: number): Column<QueueResource> => ({
    title: status.toUpperCase(),
    cell: ({ counts }) => (counts[status] === 0 ? colors.dim('0') : String(counts[status])),
    align: 'right',
    ...(dropOrder === undefined ? {} : { dropOrder }),
  });
  return [
    { title: 'QUEUE', cell: (queue) => queue.name, minWidth: 12 },
    { title: 'STATE', cell: (queue) => (queue.isPaused ? colors.yellow('paused') : colors.green('active')) },
    { title: 'WORKERS', cell: (queue) => String(queue.workers), align: 'right', dropOrder: 3 },
    count('queued'),
    count('processing'),
    count('retrying', 2),
    count('scheduled', 4),
    count('failed', 1),
    count('completed', 5),
    { title: 'PER MIN', cell: (queue) => String(Math.round(queue.throughputPerMinute)), align: 'right', dropOrder: 6 },
    {
      title: 'OLDEST',
      cell: (queue) => (queue.oldestWaitMs === null ? '' : formatDuration(queue.oldestWaitMs)),
      align: 'right',
      dropOrder: 7,
    },
    { title: 'VIA', cell: (queue) => queue.transport, dropOrder: 8 },
  ];
}
