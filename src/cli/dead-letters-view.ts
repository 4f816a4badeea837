import type { DeadLetterGroup } from '../contract/dead-letters.ts';
import type { JobResource } from '../contract/job.ts';
import { formatAge } from './format.ts';
import type { Column } from './table.ts';
import { type Colors, cleanLine } from './terminal.ts';

// Where it is narrow, the error goes last: it is what people come for.
export function createFailureColumns(colors: Colors, nowMs: number): Column<JobResource>[] {
  return [
    { title: 'ID', cell: (job) => job.id },
    { title: 'TYPE', cell: (job) => cleanLine(job.type), minWidth: 12 },
    { title: 'ATTEMPT', cell: (job) => `${job.attempt}/${job.maxAttempts}`, align: 'right', dropOrder: 4 },
    { title: 'FAILED', cell: (job) => formatAge(job.finishedAt ?? job.createdAt, nowMs), align: 'right', dropOrder: 2 },
    { title: 'REASON', cell: (job) => colors.dim(job.reason ?? ''), dropOrder: 3 },
    { title: 'ERROR', cell: (job) => describeError(job.error, colors), minWidth: 20, dropOrder: 1 },
  ];
}

export function createGroupColumns(colors: Colors, nowMs: number): Column<DeadLetterGroup>[] {
  return [
    { title: 'JOBS', cell: (group) => `${group.count}${group.countIsCapped ? '+' : ''}`, align: 'right' },
    { title: 'TYPE', cell: (group) => cleanLine(group.type), minWidth: 12 },
    { title: 'LAST', cell: (group) => formatAge(group.lastSeen, nowMs), align: 'right', dropOrder: 2 },
    { title: 'FIRST', cell: (group) => formatAge(group.firstSeen, nowMs), align: 'right', dropOrder: 3 },
    { title: 'FINGERPRINT', cell: (group) => group.fingerprint },
    { title: 'ERROR', cell: (group) => describeError(group, colors), minWidth: 28, dropOrder: 1 },
  ];
}

function describeError(error: { name: string; message: string } | null, colors: Colors): string {
  return error ? colors.red(cleanLine(`${error.name}: ${error.message}`)) : '';
}
