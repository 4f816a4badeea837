import { createClient, type JobsClient } from '../client.ts';
import type { JobResource } from '../contract/job.ts';
import type { CliContext } from './context.ts';
import { DemoProgram } from './demo-program.ts';
import { createVideoInput, DEMO_TEXT, type DemoVideo, fetchVideo } from './demo-video.ts';
import { type ReceivedWebhook, type Receiver, startReceiver } from './demo-webhook-receiver.ts';
import { formatBytes, formatDuration } from './format.ts';
import { renderHeadline } from './job-view.ts';
import { followTree } from './tree.ts';
import { readTree } from './tree-data.ts';
import { FOLD_ABOVE, renderTree } from './tree-lines.ts';
import { createLiveTreeView, createPlainTreeView } from './tree-view.ts';

/** The demo did not succeed; the message says why. */
export class DemoFailure extends Error {
  override name = 'DemoFailure';
}

/** What the acts share, and what has to be cleaned up, as far as the demo came. */
export interface Stage {
  readonly cli: CliContext;
  readonly folder: string;
  readonly webhookSecret: string;
  /** Aborts with a {@link DemoFailure}. */
  readonly signal: AbortSignal;
  /** Ends the demo from outside of its acts. */
  fail(reason: string): void;
  program?: DemoProgram;
  receiver?: Receiver;
}

const DEPTH = 1;

/** The acts of the demo, each with a heading and its proof. @returns the video, still in the demo's folder */
export async function playDemo(stage: Stage): Promise<DemoVideo> {
  const { cli, folder, signal } = stage;

  announce(cli, '1. Start the program', 'longshore start, MODE=all, with its own PostgreSQL');
  const program = await openStage(stage);

  announce(cli, `2. Ask for a video of ${DEMO_TEXT}`, 'POST /v1/jobs');
  const receiver = await startReceiver(stage.webhookSecret);
  stage.receiver = receiver;
  const client = createClient({ url: program.url });
  const webhookUrl = `${receiver.url}/webhook`;
  const job = await enqueueVideo(cli, client.jobs, webhookUrl);

  announce(cli, '3. Watch the pipeline', 'longshore jobs tree <id> --watch');
  const ended = await watchToCompletion(stage, client.jobs, job.id);

  announce(cli, '4. Receive the webhook', `POST ${webhookUrl}`);
  checkWebhook(await receiver.waitForWebhook(signal), ended);
  cli.terminal.print('job.completed arrived, and its signature is genuine');

  announce(cli, '5. Fetch the video', 'GET /v1/files/{key}');
  const video = await fetchVideo(client, ended, { folder, signal });
  cli.terminal.print(`${video.video.url}  ${formatBytes(video.video.bytes)}`);
  return video;
}

async function openStage(stage: Stage): Promise<DemoProgram> {
  const { cli, folder, signal, webhookSecret } = stage;
  const startedAtMs = performance.now();
  const program = await DemoProgram.start({ folder, environment: cli.environment, webhookSecret });
  stage.program = program;
  program.ended.then((end) => stage.fail(`the program ended with ${end}`));
  await program.waitUntilReady(signal);
  cli.terminal.print(`ready after ${formatDuration(performance.now() - startedAtMs)} on ${program.url}`);
  return program;
}

async function enqueueVideo({ terminal }: CliContext, jobs: JobsClient, webhookUrl: string): Promise<JobResource> {
  const input = await createVideoInput();
  const askedAtMs = performance.now();
  const job = await jobs.create('video:generate', input, { webhook: { url: webhookUrl } });
  terminal.print(`${job.type}  ${job.id}  accepted after ${formatDuration(performance.now() - askedAtMs)}`);
  return job;
}

async function watchToCompletion({ cli, signal }: Stage, jobs: JobsClient, id: string): Promise<JobResource> {
  const { terminal, clock } = cli;
  const view = terminal.isInteractive ? createLiveTreeView(cli) : createPlainTreeView(cli);
  try {
    const ended = await followTree({ jobs, view, depth: DEPTH, signal }, id);
    if (!ended) throw signal.reason;
    view.close();
    if (!terminal.isInteractive) {
      const tree = await readTree(jobs, id, { depth: DEPTH, signal });
      const style = { ...terminal, width: terminal.width, foldAbove: FOLD_ABOVE };
      for (const line of renderTree(tree, clock.now(), style)) terminal.print(line);
    }
    if (ended.status !== 'completed') {
      throw new DemoFailure(`${ended.type} ended as ${ended.status}: ${ended.error?.message ?? ended.reason ?? '?'}`);
    }
    terminal.print(renderHeadline(ended, terminal.colors));
    return ended;
  } finally {
    view.close();
  }
}

function checkWebhook(received: ReceivedWebhook, job: JobResource): void {
  if (!received.isGenuine) throw new DemoFailure('a webhook arrived, but its signature is not valid');
  const { type, data } = received.body as { type?: unknown; data?: { id?: unknown } };
  if (type === 'job.completed' && data?.id === job.id) return;
  throw new DemoFailure(`the webhook tells of ${String(type)} ${String(data?.id)}, not of job.completed ${job.id}`);
}

function announce({ terminal }: CliContext, title: string, subtitle: string): void {
  terminal.print(`\n${terminal.colors.bold(title)}  ${terminal.colors.dim(subtitle)}`.trimEnd());
}
