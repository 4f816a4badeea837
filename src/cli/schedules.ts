import type { Command } from 'commander';
import type { ScheduleEditInput, ScheduleResource } from '../contract/schedules.ts';
import { createDueTimes, findTimingFaults, listNext } from '../shared/due-times.ts';
import { type CliContext, openSession, printJson } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { addPageFlags, type PageFlags, printPage } from './pages.ts';
import { addEditFlags, type EditFlags, readEdit, readNewSchedule } from './schedule-flags.ts';
import { createRunColumns, createScheduleColumns, renderSchedule, renderTimes } from './schedules-view.ts';
import { cleanLine } from './terminal.ts';

interface ListFlags extends PageFlags {
  type?: string;
  enabled?: boolean;
  paused?: boolean;
}

const ID_HELP = "the schedule's id";
const PREVIEWED = 10;
const EXAMPLES = `
Examples:
  longshore schedules create nightly --type file:process --cron '0 3 * * *' --time-zone Europe/Berlin --input @input.json
  longshore schedules create pulse --type http:request --every-ms 60000 --input '{"url":"https://example.com"}'
  longshore schedules next '30 2 * * MON-FRI' --time-zone America/New_York`;

export function registerSchedules(program: Command, cli: CliContext): void {
  const group = program
    .command('schedules')
    .description('list, create, change, pause, trigger and delete schedules')
    .addHelpText('after', EXAMPLES);
  addPageFlags(group.command('list').description('list schedules, newest first'))
    .option('--type <type>', 'only those of this type of job')
    .option('--enabled', 'only those that are due at all')
    .option('--paused', 'only those that are not')
    .action((flags: ListFlags, command: Command) => listSchedules(cli, flags, command));
  addPageFlags(group.command('runs').argument('<id>', ID_HELP))
    .description('list what became of its due times, newest first')
    .action((id: string, flags: ListFlags, command: Command) => listRuns(cli, id, flags, command));
  addEditFlags(group.command('create').argument('<name>', 'a name of its own within the tenant'))
    .description('create a schedule')
    .option('--tenant <name>', 'the tenant that it belongs to')
    .option('--paused', 'do not start it yet')
    .option('--idempotency-key <text>', 'the same command with the same key, within 24 hours, creates nothing more')
    .action((name: string, flags: EditFlags, command: Command) => createOne(cli, name, flags, command));
  addEditFlags(group.command('edit').argument('<id>', ID_HELP))
    .description('change a schedule; what is not named stays')
    .option('--name <name>', 'another name')
    .action((id: string, flags: EditFlags, command: Command) => editOne(cli, id, flags, command));
  for (const [verb, description, act] of [
    ['get', 'show a schedule and when it is due next', (session, id) => session.client.schedules.get(id)],
    ['pause', 'stop it until it is resumed; jobs that run go on', (session, id) => session.client.schedules.pause(id)],
    ['resume', 'start it again, from now on', (session, id) => session.client.schedules.resume(id)],
  ] satisfies [string, string, Act][]) {
    group
      .command(verb)
      .argument('<id>', ID_HELP)
      .description(description)
      .action(async (id: string, _flags: unknown, command: Command) => {
        const session = openSession(cli, command);
        printSchedule(cli, session.isJson, await act(session, id));
      });
  }
  group
    .command('trigger')
    .argument('<id>', ID_HELP)
    .description('enqueue its job now')
    .action((id: string, _flags: unknown, command: Command) => triggerOne(cli, id, command));
  group
    .command('delete')
    .argument('<id>', ID_HELP)
    .description('remove a schedule and its history; its jobs stay')
    .action((id: string, _flags: unknown, command: Command) => deleteOne(cli, id, command));
  group
    .command('next')
    .argument('<cron>', 'a cron expression, in quotes')
    .option('--time-zone <zone>', 'of the IANA database', 'UTC')
    .description('show when an expression is due next, there and here; asks no server')
    .action((cron: string, flags: { timeZone: string }, command: Command) => preview(cli, cron, flags, command));
}

type Act = (session: ReturnType<typeof openSession>, id: string) => Promise<ScheduleResource>;

async function listSchedules(cli: CliContext, flags: ListFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  if (flags.enabled && flags.paused) throw new UsageError('--enabled and --paused exclude each other');
  const enabled = flags.enabled ? true : flags.paused ? false : undefined;
  const page = await client.schedules.list({ type: flags.type, enabled, limit: flags.limit, cursor: flags.cursor });
  if (isJson) return printJson(cli, page);
  printPage(cli, page, createScheduleColumns(cli.terminal.colors, cli.clock.now()), {
    noun: 'schedule',
    none: 'There is no schedule.',
  });
}

async function listRuns(cli: CliContext, id: string, flags: ListFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const page = await client.schedules.runs(id, { limit: flags.limit, cursor: flags.cursor });
  if (isJson) return printJson(cli, page);
  printPage(cli, page, createRunColumns(cli.terminal.colors, cli.clock.now()), {
    noun: 'run',
    none: 'There is no run.',
  });
}

async function createOne(cli: CliContext, name: string, flags: EditFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const schedule = await readNewSchedule(cli, name, flags);
  printSchedule(cli, isJson, await client.schedules.create(schedule, { idempotencyKey: flags.idempotencyKey }));
}

async function editOne(cli: CliContext, id: string, flags: EditFlags, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const edit: ScheduleEditInput = await readEdit(cli, flags);
  if (Object.keys(edit).length === 0) throw new UsageError('say what to change; see --help');
  printSchedule(cli, isJson, await client.schedules.edit(id, edit));
}

async function triggerOne(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  const job = await client.schedules.trigger(id);
  if (isJson) return printJson(cli, job);
  cli.terminal.print(`${cleanLine(job.type)} ${job.id}`);
  cli.terminal.note(cli.terminal.colors.dim(`Watch it: npx longshore jobs watch ${job.id}`));
}

async function deleteOne(cli: CliContext, id: string, command: Command): Promise<void> {
  const { client, isJson } = openSession(cli, command);
  await client.schedules.delete(id);
  if (isJson) return printJson(cli, { deleted: id });
  cli.terminal.print(`schedule ${cleanLine(id)} was deleted`);
}

function preview(cli: CliContext, cron: string, { timeZone }: { timeZone: string }, command: Command): void {
  const timing = { cron, everyMs: null, runAt: null, timeZone, anchorAt: 0 };
  const nowMs = cli.clock.now();
  const faults = findTimingFaults(timing, nowMs);
  if (faults.length > 0) throw new UsageError(faults.map(({ message }) => message).join('\n'));
  const times = listNext(createDueTimes(timing), nowMs, PREVIEWED).map((ms) => new Date(ms).toISOString());
  if (openSession(cli, command).isJson) printJson(cli, { cron, timeZone, nextRuns: times });
  else cli.terminal.print(renderTimes(times, timeZone).join('\n'));
}

function printSchedule(cli: CliContext, isJson: boolean, schedule: ScheduleResource): void {
  if (isJson) printJson(cli, schedule);
  else cli.terminal.print(renderSchedule(schedule, cli.clock.now(), cli.terminal));
}
