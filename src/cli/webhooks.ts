import { type Command, InvalidArgumentError } from 'commander';
import { type DeliveryStatus, deliveryStatuses, type SubscriptionInput } from '../contract/webhooks.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { collectText } from './flags.ts';
import { addPageFlags, type PageFlags, printPage } from './pages.ts';
import { createDeliveryColumns, createSubscriptionColumns } from './webhooks-view.ts';

interface CreateFlags {
  event?: SubscriptionInput['events'];
  type?: string[];
  description?: string;
  tenant?: string;
  idempotencyKey?: string;
}

interface DeliveryFlags extends PageFlags {
  status?: DeliveryStatus;
  webhook?: string;
  job?: string;
}

export function registerWebhooks(program: Command, cli: CliContext): void {
  const group = program
    .command('webhooks')
    .description('tell an address of the ends of all jobs, and see what was sent');
  addPageFlags(group.command('list').description('list who is told, newest first')).action(
    (flags: PageFlags, command: Command) => listSubscriptions(cli, flags, command),
  );
  group
    .command('create')
    .argument('<url>', 'the address')
    .description('tell an address of the ends of jobs and batches from now on; prints its id')
    .option('--event <event>', 'e.g. job.failed; repeat it for several (default: all)', collectText)
    .option('--type <type>', 'only jobs of this type, or video:*; repeat it for several (default: all)', collectText)
    .option('--description <text>', 'what it is for')
    .option('--tenant <tenant>', 'whose jobs')
    .option('--idempotency-key <key>', 'the same key subscribes once')
    .action((url: string, flags: CreateFlags, command: Command) => createSubscription(cli, url, flags, command));
  group
    .command('delete')
    .argument('<id>', 'its id')
    .description('tell it no more; what is still owed to it is not sent')
    .action((id: string, _flags: unknown, command: Command) => deleteSubscription(cli, id, command));
  addPageFlags(group.command('deliveries').description('list what was sent and is to be sent, newest first'))
    .option('--status <status>', deliveryStatuses.join(', '), readStatus)
    .option('--webhook <id>', 'only what this subscription is owed')
    .option('--job <id>', 'only what tells of this job')
    .action((flags: DeliveryFlags, command: Command) => listDeliveries(cli, flags, command));
  group
    .command('redeliver')
    .argument('<id>', 'the id of the delivery')
    .description('send a delivery again at once, under its id, whatever became of it')
    .action((id: string, _flags: unknown, command: Command) => redeliver(cli, id, command));
}

function readStatus(text: string): DeliveryStatus {
  const status = deliveryStatuses.find((known) => known === text);
  if (!status) throw new InvalidArgumentError(`Allowed are ${deliveryStatuses.join(', ')}.`);
  return status;
}

async function listSubscriptions(cli: CliContext, flags: PageFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const page = await client.webhooks.list(flags);
  if (isJson) return printJson(cli, page);
  const columns = createSubscriptionColumns(cli.terminal.colors, cli.clock.now());
  printPage(cli, page, columns, { noun: 'subscription', none: 'Nobody has subscribed.' });
}

async function createSubscription(cli: CliContext, url: string, flags: CreateFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const { event: events, type: types, idempotencyKey, ...rest } = flags;
  const created = await client.webhooks.create({ url, events, types, ...rest }, { idempotencyKey });
  if (isJson) return printJson(cli, created);
  cli.terminal.print(created.id); // alone, for scripts
}

async function deleteSubscription(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  await client.webhooks.delete(id);
  if (isJson) return printJson(cli, { id, deleted: true });
  cli.terminal.note(`${id} is told no more.`);
}

async function listDeliveries(cli: CliContext, flags: DeliveryFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const { webhook: subscriptionId, job: jobId, ...rest } = flags;
  const page = await client.webhooks.deliveries({ ...rest, subscriptionId, jobId });
  if (isJson) return printJson(cli, page);
  const columns = createDeliveryColumns(cli.terminal.colors, cli.clock.now());
  printPage(cli, page, columns, { noun: 'message', none: 'No delivery matches.' });
}

async function redeliver(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const delivery = await client.webhooks.redeliver(id);
  if (isJson) return printJson(cli, delivery);
  cli.terminal.note(`${delivery.event} is sent to ${delivery.url} again.`);
}
