import type { Command } from 'commander';
import { openErrorSink } from './bulk-errors.ts';
import { createBulkMeter } from './bulk-meter.ts';
import { openLines } from './bulk-source.ts';
import { type CliContext, openSession, printJson, type Session } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { readInteger } from './flags.ts';
import { formatCount } from './format.ts';
import { type Chunk, cutIntoChunks } from './job-lines.ts';

interface BulkFlags {
  errors?: string;
  fromLine?: number;
  name?: string;
}

/** What has become of the lines so far. */
export interface BulkTally {
  accepted: number;
  deduplicated: number;
  rejected: number;
  /** The last line of what the server has answered. */
  line: number;
}

const EXAMPLES = `
Each line is a job: {"type": "email:send", "input": {…}, "options": {…}}

Examples:
  longshore bulk jobs.ndjson
  longshore bulk jobs.ndjson --errors rejected.ndjson
  generate-jobs | longshore bulk -`;
/** A server that restarts in the middle of a million lines is waited for. */
const RETRIES = 8;

export function registerBulk(program: Command, cli: CliContext): void {
  program
    .command('bulk')
    .argument('<file>', 'a file with a job on each line (NDJSON), or - for standard input')
    .description('enqueue the jobs of a file; the same command again goes on where it was interrupted')
    .option('--errors <file>', 'write rejected lines there as NDJSON, not to standard error')
    .option('--from-line <number>', 'begin with this line', readInteger)
    .option('--name <text>', 'enqueue a file once more that was enqueued within 24 hours, under another name')
    .addHelpText('after', EXAMPLES)
    .action((file: string, flags: BulkFlags, command: Command) =>
      enqueueFile(cli, openSession(cli, command), file, flags),
    );
}

async function enqueueFile(cli: CliContext, session: Session, file: string, flags: BulkFlags): Promise<void> {
  const source = openLines(cli, file);
  const tally: BulkTally = { accepted: 0, deduplicated: 0, rejected: 0, line: (flags.fromLine ?? 1) - 1 };
  const meter = createBulkMeter(cli, { isShown: !session.isJson, source });
  const errors = openErrorSink(cli, flags.errors, meter);
  const stopping = new AbortController();
  const removeListener = cli.onInterrupt(() => stopping.abort());
  const { signal } = stopping;
  try {
    for await (const chunk of cutIntoChunks(source.lines, { from: flags.fromLine, salt: flags.name })) {
      if (signal.aborted) break;
      await sendChunk(session, chunk, { tally, report: errors.report, signal });
      meter.show(tally);
    }
  } catch (error) {
    if (!signal.aborted) {
      meter.close();
      if (tally.line > 0) noteState(cli, file, tally);
      throw error;
    }
  } finally {
    removeListener();
    meter.close();
    await errors.close();
    source.close();
  }
  if (signal.aborted) {
    noteState(cli, file, tally);
    return cli.setExitCode(exitCodes.interrupted);
  }
  const { line: lines, ...counts } = tally;
  if (session.isJson) printJson(cli, { ...counts, lines });
  else printTally(cli, tally);
  if (tally.rejected > 0) cli.setExitCode(exitCodes.rejected);
}

interface Sending {
  tally: BulkTally;
  report(line: number, errors: readonly { path: string; message: string }[]): void;
  signal: AbortSignal;
}

/** The key makes a chunk that was sent before an answer that was given before. */
async function sendChunk({ client }: Session, chunk: Chunk, { tally, report, signal }: Sending): Promise<void> {
  if (chunk.jobs.length > 0) {
    const jobs = chunk.jobs.map(({ job }) => job);
    const answer = await client.jobs.createMany(jobs, { idempotencyKey: chunk.key, retries: RETRIES, signal });
    tally.accepted += answer.accepted - answer.deduplicated.length;
    tally.deduplicated += answer.deduplicated.length;
    tally.rejected += answer.rejected.length;
    for (const { index, errors } of answer.rejected) report(chunk.jobs[index]?.line ?? chunk.firstLine, errors);
  }
  for (const { line, message } of chunk.broken) report(line, [{ path: '', message }]);
  tally.rejected += chunk.broken.length;
  tally.line = chunk.lastLine;
}

function printTally({ terminal }: CliContext, { accepted, deduplicated, rejected, line }: BulkTally): void {
  const { colors } = terminal;
  const parts = [
    `${colors.green('enqueued')} ${formatCount(accepted, 'job')} of ${formatCount(line, 'line')}`,
    ...(deduplicated > 0 ? [`${deduplicated} were there already`] : []),
    ...(rejected > 0 ? [colors.red(`${rejected} rejected`)] : []),
  ];
  terminal.print(parts.join(', '));
}

function noteState({ terminal }: CliContext, file: string, { line }: BulkTally): void {
  const again = file === '-' ? 'The same command with the same input' : 'The same command';
  terminal.note(
    `Stopped after line ${line}. ${again} goes on from there within 24 hours; later add --from-line ${line + 1}.`,
  );
}
