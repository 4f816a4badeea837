import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RejectedLine } from './bulk-chunks.ts';
import type { BulkState } from './bulk-state.ts';
import type { CliContext, Session } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { formatDuration, formatPercent } from './format.ts';
import { renderBar } from './progress.ts';
import { cleanLine, type Terminal, truncateText } from './terminal.ts';

/** What people see while a file is sent. `close` may be called at any time, and twice. */
export interface BulkReport {
  showProgress(progress: BulkProgress): void;
  reject(lines: readonly RejectedLine[]): void;
  /** The server is away or asks for time. */
  wait(error: unknown): void;
  close(): void;
}

export interface BulkProgress extends BulkState {
  percent: number;
  /** Undefined before there is one. */
  jobsPerSecond: number | undefined;
}

const CLEAR_LINE = '\r\u001b[2K';
const BAR_WIDTH = 24;
/** Who has more of them wants a file. */
const TOLD_MAX = 1_000;

/** @param errorsFile takes the rejected lines as NDJSON in place of standard error */
export function openBulkReport(
  { terminal, cwd }: Pick<CliContext, 'terminal' | 'cwd'>,
  { isJson }: Pick<Session, 'isJson'>,
  { errorsFile, isResumed }: { errorsFile: string | undefined; isResumed: boolean },
): BulkReport {
  const isLive = terminal.isInteractive && !isJson;
  const errors = errorsFile === undefined ? undefined : openErrors(resolve(cwd, errorsFile), isResumed ? 'a' : 'w');
  let drawn = '';
  let told = 0;
  let isClosed = false;
  const draw = (line: string) => {
    drawn = line;
    if (isLive) terminal.write(CLEAR_LINE + line);
  };
  const note = (line: string) => {
    if (isLive) terminal.write(CLEAR_LINE);
    terminal.note(line);
    if (isLive) terminal.write(drawn);
  };
  return {
    showProgress: (progress) => draw(renderBulkProgress(progress, terminal)),
    reject(lines) {
      if (errors !== undefined) return lines.forEach((line) => void writeSync(errors, `${JSON.stringify(line)}\n`));
      for (const line of lines.slice(0, Math.max(0, TOLD_MAX - told))) note(describeRejection(line));
      if (told < TOLD_MAX && told + lines.length >= TOLD_MAX) note('… --errors <file> takes all of them');
      told += lines.length;
    },
    wait: (error) => draw(truncateText(`waiting: ${cleanLine(toMessage(error))}`, terminal.width - 1)),
    close() {
      if (isClosed) return;
      isClosed = true;
      if (isLive) terminal.write(CLEAR_LINE);
      if (errors !== undefined) closeSync(errors);
    },
  };
}

/** `████░░ 42 %  line 420000  1200 rejected  15000 jobs/s` */
export function renderBulkProgress(
  progress: BulkProgress,
  { colors, width }: Pick<Terminal, 'colors' | 'width'>,
): string {
  const { percent, line, rejected, jobsPerSecond } = progress;
  const parts = [formatPercent(percent).padStart(5), `line ${line}`];
  if (rejected > 0) parts.push(`${rejected} rejected`);
  if (jobsPerSecond !== undefined) {
    parts.push(`${Math.round(jobsPerSecond)} jobs/s`);
  }
  const text = truncateText(parts.join('  '), width - 1);
  return width > BAR_WIDTH + text.length + 1 ? `${renderBar(percent, BAR_WIDTH, colors)} ${text}` : text;
}

export function describeTotals({ accepted, rejected, deduplicated }: BulkState, tookMs: number): string {
  const totals = [`${accepted} accepted`, `${rejected} rejected`];
  if (deduplicated > 0) totals.push(`${deduplicated} of them older jobs with the same deduplication key`);
  return `${totals.join(', ')} in ${formatDuration(tookMs)}`;
}

function describeRejection({ line, errors }: RejectedLine): string {
  const faults = errors.map(({ path, message }) => cleanLine(path === '' ? message : `${path}: ${message}`));
  return `line ${line}: ${faults.join('; ')}`;
}

function openErrors(path: string, flags: 'a' | 'w'): number {
  try {
    return openSync(path, flags);
  } catch (cause) {
    throw new UsageError(`${path} cannot be written: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
}

function toMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
