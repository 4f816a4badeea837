import { createClient, type JobsClient } from '../client.ts';
import type { JobOptionsInput } from '../contract/enqueue.ts';
import type { JobResource } from '../contract/job.ts';
import type { CliContext } from './context.ts';
import { DemoProgram } from './demo-program.ts';
import { type EnqueuedJob, renderSummary } from './demo-summary.ts';
import { type ReceivedWebhook, type Receiver, startReceiver } from './demo-webhook-receiver.ts';
import { DEMO_FILE_BYTES, writeDemoFile } from './demo-work.ts';
import { formatBytes, formatDuration } from './format.ts';
import { renderHeadline, renderJob } from './job-view.ts';
import { followJob } from './watch.ts';
import { createLiveView, createPlainView } from './watch-view.ts';

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

/** The acts of the demo, each with a heading and its proof. */
export async function playDemo(stage: Stage): Promise<void> {
  const { cli, signal } = stage;

  announce(cli, '1. Start the program', 'longshore start, MODE=all, with its own PostgreSQL');
  const { program, file } = await openStage(stage);

  announce(cli, '2. Enqueue two jobs', 'POST /v1/jobs');
  const receiver = await startReceiver(stage.webhookSecret);
  stage.receiver = receiver;
  const { jobs } = createClient({ url: program.url });
  const call = await enqueue(cli, jobs, 'http:request', { url: `${receiver.url}/hello` });
  const webhook = { url: `${receiver.url}/webhook` };
  const work = await enqueue(cli, jobs, 'file:process', { source: file, compress: 'gzip' }, { webhook });

  announce(cli, '3. Watch the work', `checksum, type and gzip of ${formatBytes(DEMO_FILE_BYTES)}`);
  const ended = await watchToCompletion(stage, jobs, work.job.id);
  const called = requireCompleted(await jobs.wait(call.job.id, { signal }));

  announce(cli, '4. Receive the webhook', `POST ${webhook.url}`);
  const received = checkWebhook(await receiver.waitForWebhook(signal), ended);
  cli.terminal.print('job.completed arrived, and its signature is genuine');

  announce(cli, '5. The finished job', `GET ${ended.links.self}`);
  cli.terminal.print(renderJob(ended, cli.clock.now(), cli.terminal));

  announce(cli, 'What each part did', '');
  cli.terminal.print(
    renderSummary({ work: { ...work, job: ended }, call: { ...call, job: called }, received }, cli.terminal),
  );
}

async function openStage(stage: Stage): Promise<{ program: DemoProgram; file: string }> {
  const { cli, folder, signal, webhookSecret } = stage;
  const startedAtMs = performance.now();
  const program = await DemoProgram.start({ folder, environment: cli.environment, webhookSecret });
  stage.program = program;
  program.ended.then((end) => stage.fail(`the program ended with ${end}`));
  const [file] = await Promise.all([writeDemoFile(folder, signal), program.waitUntilReady(signal)]);
  cli.terminal.print(`ready after ${formatDuration(performance.now() - startedAtMs)} on ${program.url}`);
  return { program, file };
}

async function enqueue(
  cli: CliContext,
  jobs: JobsClient,
  type: string,
  input: unknown,
  options?: JobOptionsInput,
): Promise<EnqueuedJob> {
  const askedAtMs = performance.now();
  const job = await jobs.create(type, input, options);
  const acceptedMs = performance.now() - askedAtMs;
  cli.terminal.print(`${type}  ${job.id}  accepted after ${formatDuration(acceptedMs)}`);
  return { job, acceptedMs };
}

async function watchToCompletion({ cli, signal }: Stage, jobs: JobsClient, id: string): Promise<JobResource> {
  const view = cli.terminal.isInteractive ? createLiveView(cli) : createPlainView(cli);
  try {
    const ended = await followJob({ clock: cli.clock, jobs, view, signal }, id);
    if (!ended) throw signal.reason;
    view.close();
    requireCompleted(ended);
    cli.terminal.print(renderHeadline(ended, cli.terminal.colors)); // its output comes with the whole job
    return ended;
  } finally {
    view.close();
  }
}

function requireCompleted(job: JobResource): JobResource {
  if (job.status === 'completed') return job;
  throw new DemoFailure(`${job.type} ended as ${job.status}: ${job.error?.message ?? job.reason ?? 'no reason given'}`);
}

function checkWebhook(received: ReceivedWebhook, job: JobResource): ReceivedWebhook {
  if (!received.isGenuine) throw new DemoFailure('a webhook arrived, but its signature is not valid');
  const { type, data } = received.body as { type?: unknown; data?: { id?: unknown } };
  if (type === 'job.completed' && data?.id === job.id) return received;
  throw new DemoFailure(`the webhook tells of ${String(type)} ${String(data?.id)}, not of job.completed ${job.id}`);
}

function announce({ terminal }: CliContext, title: string, subtitle: string): void {
  terminal.print(`\n${terminal.colors.bold(title)}  ${terminal.colors.dim(subtitle)}`.trimEnd());
}
