import type { DeadLetterGroup } from '../contract/dead-letters.ts';
import type { JobResource } from '../contract/job.ts';
import { formatAge } from './format.ts';
import type { Column } from './table.ts';
import { type Colors, cleanLine } from './terminal.ts';

export function createFailureColumns(colors: Colors, nowMs: number): Column<JobResource>[] {
  return [
    { title: 'ID', cell: (job) => job.id },
    { title: 'TYPE', cell: (job) => cleanLine(job.type), minWidth: 12 },
    { title: 'ATTEMPT', cell: (job) => `${job.attempt}/${job.maxAttempts}`, align: 'right', dropOrder: 3 },
    { title: 'FAILED', cell: (job) => formatAge(job.finishedAt ?? job.createdAt, nowMs), align: 'right', dropOrder: 1 },
    { title: 'REASON', cell: (job) => colors.dim(job.reason ?? ''), dropOrder: 2 },
    { title: 'ERROR', cell: (job) => describeError(job.error, colors), minWidth: 16, dropOrder: 4 },
  ];
}

export function createGroupColumns(colors: Colors, nowMs: number): Column<DeadLetterGroup>[] {
  return [
    { title: 'JOBS', cell: (group) => String(group.count), align: 'right' },
    { title: 'TYPE', cell: (group) => cleanLine(group.type), minWidth: 12 },
    { title: 'LAST', cell: (group) => formatAge(group.lastSeen, nowMs), align: 'right', dropOrder: 1 },
    { title: 'FIRST', cell: (group) => formatAge(group.firstSeen, nowMs), align: 'right', dropOrder: 2 },
    { title: 'FINGERPRINT', cell: (group) => group.fingerprint },
    { title: 'ERROR', cell: (group) => describeError(group, colors), minWidth: 16, dropOrder: 3 },
  ];
}

function describeError(error: { name: string; message: string } | null, colors: Colors): string {
  return error ? colors.red(cleanLine(`${error.name}: ${error.message}`)) : '';
}
