import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { readChunks } from './bulk-chunks.ts';
import { readLines } from './bulk-lines.ts';
import { type BulkReport, describeTotals, openBulkReport } from './bulk-report.ts';
import { createChunkSender } from './bulk-send.ts';
import { type BulkSource, openBulkSource } from './bulk-source.ts';
import { type BulkMemory, type BulkState, nameChunk, openBulkMemory } from './bulk-state.ts';
import { type CliContext, openSession, printJson, type Session } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';

interface BulkFlags {
  errors?: string;
  again?: boolean;
}

const EXAMPLES = `
Examples:
  longshore bulk jobs.ndjson
  generate-jobs | longshore bulk - --errors rejected.ndjson
Each line is a job: {"type":"http:request","input":{"url":"https://example.com"},"options":{"priority":5}}`;

export function registerBulk(program: Command, cli: CliContext): void {
  program
    .command('bulk')
    .argument('<file>', 'jobs as lines of JSON, or - for standard input')
    .description('enqueue a file of jobs; called again, it goes on where it stopped, and doubles nothing')
    .option('--errors <file>', 'where rejected lines are written, as lines of JSON (default: told on standard error)')
    .option('--again', 'enqueue a file once more that has been enqueued already')
    .addHelpText('after', EXAMPLES)
    .action((file: string, flags: BulkFlags, command: Command) => enqueueFile(cli, file, flags, command));
}

async function enqueueFile(cli: CliContext, file: string, flags: BulkFlags, command: Command): Promise<void> {
  const session = openSession(cli, command);
  const stopping = new AbortController();
  const removeListener = cli.onInterrupt(() => stopping.abort());
  try {
    await using source = await openBulkSource(cli, file, stopping.signal);
    const target = { url: session.client.url, key: session.key, hash: source.hash };
    const memory = openBulkMemory(cli.environment, target, { isAgain: flags.again === true });
    if (memory.state.isDone) return reportDone(cli, session, memory.state);
    const report = openBulkReport(cli, session, {
      errorsFile: flags.errors,
      isResumed: memory.state.chunks > 0,
    });
    try {
      await sendSource(cli, { session, source, memory, report, signal: stopping.signal });
    } finally {
      report.close();
    }
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    cli.terminal.note('Stopped; the same command goes on from there.');
    cli.setExitCode(exitCodes.interrupted);
  } finally {
    removeListener();
  }
}

interface Sending {
  session: Session;
  source: BulkSource;
  memory: BulkMemory;
  report: BulkReport;
  signal: AbortSignal;
}

async function sendSource(cli: CliContext, { session, source, memory, report, signal }: Sending): Promise<void> {
  const sender = createChunkSender(session.client.jobs, { signal, onWait: report.wait });
  const resumedAtLine = memory.state.line;
  if (resumedAtLine > 0 && !session.isJson) cli.terminal.note(`Going on after line ${resumedAtLine}.`);
  memory.save(memory.state); // from here on its keys may be known to the server
  const startedAtMs = cli.clock.now();
  let { state } = memory;
  const before = state.accepted + state.rejected;
  const content = createReadStream(source.path, { start: state.offset, signal });
  for await (const chunk of readChunks(readLines(content, state))) {
    const result = await sender.send(chunk, nameChunk(state, source.hash));
    report.reject(result.rejected);
    state = {
      ...state,
      chunks: state.chunks + 1,
      line: chunk.end.line,
      offset: chunk.end.offset,
      accepted: state.accepted + result.accepted,
      rejected: state.rejected + result.rejected.length,
      deduplicated: state.deduplicated + result.deduplicated,
    };
    memory.save(state);
    const jobsPerSecond = rateOf(state.accepted + state.rejected - before, cli.clock.now() - startedAtMs);
    report.showProgress({ ...state, percent: (100 * state.offset) / source.bytes, jobsPerSecond });
  }
  if (state.chunks === 0) throw new UsageError('there is no job in it: every line is blank');
  memory.save({ ...state, isDone: true });
  report.close();
  reportEnd(cli, session, state, { resumedAtLine, tookMs: cli.clock.now() - startedAtMs, sentBefore: before });
}

interface Run {
  /** 0 for one from the beginning. */
  resumedAtLine: number;
  tookMs: number;
  /** Jobs of earlier runs. */
  sentBefore: number;
}

function reportEnd(cli: CliContext, { isJson }: Session, state: BulkState, run: Run): void {
  const { accepted, rejected, deduplicated, line: lines } = state;
  const { resumedAtLine, tookMs } = run;
  const jobsPerSecond = rateOf(accepted + rejected - run.sentBefore, tookMs);
  if (isJson)
    printJson(cli, {
      lines,
      accepted,
      rejected,
      deduplicated,
      resumedAtLine,
      tookMs,
      jobsPerSecond: jobsPerSecond ?? null,
    });
  else {
    const rate = jobsPerSecond === undefined ? '' : ` (${Math.round(jobsPerSecond)} jobs/s)`;
    cli.terminal.print(describeTotals(state, tookMs) + rate);
  }
  if (rejected > 0) cli.setExitCode(exitCodes.rejected);
}

function reportDone(cli: CliContext, session: Session, state: BulkState): void {
  if (!session.isJson) cli.terminal.note('All of this file has been sent already; --again enqueues it once more.');
  const { line } = state;
  reportEnd(cli, session, state, { resumedAtLine: line, tookMs: 0, sentBefore: state.accepted + state.rejected });
}

/** A second; undefined where the time is too short to tell. */
function rateOf(jobs: number, tookMs: number): number | undefined {
  return tookMs <= 0 ? undefined : (1000 * jobs) / tookMs;
}
