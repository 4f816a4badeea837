import type { Command } from 'commander';
import type { JobOptionsInput } from '../contract/enqueue.ts';
import { isTerminal } from '../contract/job.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { collectText, readInteger, readTime } from './flags.ts';
import { colorStatus } from './format.ts';
import { readJsonFlag } from './json-input.ts';
import { cleanLine } from './terminal.ts';
import { watchJob } from './watch.ts';

interface EnqueueFlags {
  input: string;
  wait?: boolean;
  queue?: string;
  priority?: number;
  delayMs?: number;
  runAt?: string;
  attempts?: number;
  timeoutMs?: number;
  ttlMs?: number;
  tag?: string[];
  metadata?: string;
  webhook?: string;
  tenant?: string;
  concurrencyKey?: string;
  batch?: string;
  deduplicationKey?: string;
  idempotencyKey?: string;
}

const EXAMPLES = `
Examples:
  longshore enqueue http:request --input '{"url":"https://example.com"}' --wait
  longshore enqueue file:process --input @input.json --tag nightly --priority 10
  echo '{"url":"https://example.com"}' | longshore enqueue http:request --input -`;

export function registerEnqueue(program: Command, cli: CliContext): void {
  program
    .command('enqueue')
    .argument('<type>', 'the type of the job; `longshore types` lists them')
    .description('enqueue a job; it is stored for good when the command returns')
    .option('-i, --input <json>', 'the input: JSON, @file, or - for standard input', '{}')
    .option('-w, --wait', 'show the job until it has ended; with --json print it then')
    .option('--queue <name>', 'another queue than that of the type')
    .option('--priority <number>', 'from -100 to 100; higher runs first', readInteger)
    .option('--delay-ms <number>', 'start so many milliseconds from now', readInteger)
    .option('--run-at <time>', 'start at a time, e.g. 2030-01-31T08:00:00Z', readTime)
    .option('--attempts <number>', 'attempts in all', readInteger)
    .option('--timeout-ms <number>', 'the longest that an attempt may take', readInteger)
    .option('--ttl-ms <number>', 'give up when the job has not started by then', readInteger)
    .option('--tag <text>', 'a tag; may be given several times', collectText)
    .option('--metadata <json>', 'a JSON object that is kept with the job: JSON, @file or -')
    .option('--webhook <url>', 'where to send a webhook when the job has ended')
    .option('--tenant <name>', 'the tenant that the job belongs to')
    .option('--concurrency-key <text>', 'jobs of the queue with this key wait for each other')
    .option('--batch <id>', 'the open batch that the job belongs to')
    .option('--deduplication-key <text>', 'while a job of the type with this key has not ended, take that one instead')
    .option('--idempotency-key <text>', 'the same command with the same key, within 24 hours, enqueues nothing more')
    .addHelpText('after', EXAMPLES)
    .action((type: string, flags: EnqueueFlags, command: Command) => enqueue(cli, type, flags, command));
}

async function enqueue(cli: CliContext, type: string, flags: EnqueueFlags, command: Command): Promise<void> {
  const session = openSession(cli, command);
  if (flags.input === '-' && flags.metadata === '-') {
    throw new UsageError('--input and --metadata cannot both be read from standard input');
  }
  const input = await readJsonFlag(cli, '--input', flags.input);
  const options = await readOptions(cli, flags);
  const job = await session.client.jobs.create(type, input, options, { idempotencyKey: flags.idempotencyKey });

  if (session.isJson) {
    const ended = flags.wait ? await session.client.jobs.wait(job.id) : job;
    printJson(cli, ended);
    if (flags.wait && ended.status !== 'completed') cli.setExitCode(exitCodes.jobFailed);
    return;
  }
  const { colors } = cli.terminal;
  if (job.deduplicated) cli.terminal.note(colors.dim('Nothing was enqueued: this job has the same deduplication key'));
  if (flags.wait) return watchJob(cli, session, job.id);
  cli.terminal.print(`${colorStatus(job.status, colors)} ${colors.bold(cleanLine(job.type))} ${job.id}`);
  if (!isTerminal(job.status)) cli.terminal.note(colors.dim(`Watch it: npx longshore jobs watch ${job.id}`));
}

async function readOptions(cli: CliContext, flags: EnqueueFlags): Promise<JobOptionsInput | undefined> {
  const metadata = flags.metadata === undefined ? undefined : await readJsonFlag(cli, '--metadata', flags.metadata);
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))) {
    throw new UsageError('--metadata must be a JSON object, e.g. {"order":17}');
  }
  const options = {
    queue: flags.queue,
    priority: flags.priority,
    delayMs: flags.delayMs,
    runAt: flags.runAt,
    attempts: flags.attempts,
    timeoutMs: flags.timeoutMs,
    ttlMs: flags.ttlMs,
    tags: flags.tag,
    metadata: metadata as Record<string, unknown> | undefined,
    webhook: flags.webhook === undefined ? undefined : { url: flags.webhook },
    tenant: flags.tenant,
    concurrencyKey: flags.concurrencyKey,
    batchId: flags.batch,
    deduplicationKey: flags.deduplicationKey,
  };
  return Object.values(options).some((value) => value !== undefined) ? options : undefined;
}
