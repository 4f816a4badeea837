import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { findFfmpeg } from '../builtin/video/find-ffmpeg.ts';
import { AnswerError, ServerUnreachableError } from '../client.ts';
import { messageOf } from '../shared/failure.ts';
import { pause } from '../shared/time.ts';
import { createWebhookSecret } from '../shared/webhook-signature.ts';
import type { CliContext } from './context.ts';
import { removeLeftovers } from './demo-leftovers.ts';
import { DemoFailure, playDemo, type Stage } from './demo-play.ts';
import { type DemoVideo, keepVideo } from './demo-video.ts';
import { exitCodes } from './exit-codes.ts';
import { formatBytes, formatDuration } from './format.ts';

const DEADLINE_MS = 300_000;
const END_NEWS_MS = 1_000;

export function registerDemo(program: Command, cli: CliContext): void {
  program
    .command('demo')
    .description('see it all at work: start the program, make a video with a pipeline, receive a webhook, stop again')
    .action(() => runDemo(cli));
}

async function runDemo(cli: CliContext): Promise<void> {
  const folder = join(cli.cwd, '.longshore', `demo-${randomUUID().slice(0, 8)}`);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    cli.setExitCode(exitCodes.jobFailed);
    cli.terminal.note(`The demo needs a folder that it may write: ${messageOf(error)}`);
    return;
  }

  const stopping = new AbortController();
  const fail = (reason: string) => stopping.abort(new DemoFailure(reason));
  const stage: Stage = { cli, folder, webhookSecret: createWebhookSecret(), signal: stopping.signal, fail };
  let isInterrupted = false;
  const removeListener = cli.onInterrupt(() => {
    isInterrupted = true;
    cli.terminal.note('\nInterrupted; stopping the program …');
    fail('it was interrupted');
  });
  const timer = setTimeout(() => fail(`it took longer than ${DEADLINE_MS / 1000} s`), DEADLINE_MS);
  let video: DemoVideo | undefined;
  try {
    await requireFfmpeg(cli);
    video = await keepVideo(await playDemo(stage), join(cli.cwd, '.longshore', 'demo'));
  } catch (thrown) {
    // When the program dies, its connections break a moment before its end is known.
    if (thrown instanceof ServerUnreachableError) await Promise.race([stage.program?.ended, pause(END_NEWS_MS)]);
    cli.setExitCode(isInterrupted ? exitCodes.interrupted : exitCodes.jobFailed);
    if (!isInterrupted) reportFailure(stage, stage.signal.aborted ? stage.signal.reason : thrown);
  } finally {
    clearTimeout(timer);
    await cleanUp(stage);
    removeListener();
  }
  if (video) showVideo(cli, video);
}

/** Nothing is started when the video could not be made. */
async function requireFfmpeg({ environment }: CliContext): Promise<void> {
  try {
    await findFfmpeg(environment.FFMPEG_PATH || undefined);
  } catch (error) {
    throw new DemoFailure(messageOf(error), { cause: error });
  }
}

/** The path comes last and alone, to be copied. */
function showVideo({ terminal }: CliContext, { video, durationMs, width, height, paths }: DemoVideo): void {
  const { colors } = terminal;
  const facts = `${formatDuration(durationMs)}, ${width}×${height}, ${formatBytes(video.bytes)}`;
  terminal.print(`\n${colors.bold('Play it')}  ${colors.dim(`${facts}; its subtitles and a poster lie beside it`)}`);
  terminal.print(paths[0] ?? '');
}

function reportFailure({ cli, program }: Stage, error: unknown): void {
  const { terminal } = cli;
  terminal.note(`\n${terminal.colors.red('The demo did not succeed:')} ${messageOf(error)}`);
  if (error instanceof AnswerError) {
    for (const { path, message } of error.errors) terminal.note(`  ${path}: ${message}`);
  } else if (!(error instanceof DemoFailure) && error instanceof Error) {
    terminal.note(error.stack ?? '');
  }
  if (!program) return;
  terminal.note(program.logTail.length === 0 ? 'The program wrote nothing.' : 'The last lines of the program:');
  for (const line of program.logTail) terminal.note(terminal.colors.dim(`  ${line}`));
}

/** Also after a failure half-way: stops what runs and removes what was written. */
async function cleanUp({ cli, program, receiver, folder }: Stage): Promise<void> {
  const startedAtMs = performance.now();
  const end = await program?.stop();
  await receiver?.stop();
  await removeLeftovers(folder);
  const tookMs = Math.round(performance.now() - startedAtMs);
  if (end === 'stopped') cli.terminal.print(`\nStopped the program (SIGTERM) and removed its data, in ${tookMs} ms.`);
  if (end === 'killed') cli.terminal.note('The program did not stop at SIGTERM and was killed.');
}
