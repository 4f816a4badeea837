import type { Command } from 'commander';
import { Option } from 'commander';
import {
  type CatchUp,
  catchUps,
  type NewScheduleInput,
  type Overlap,
  overlaps,
  type ScheduleEditInput,
  type ScheduleOptions,
} from '../contract/schedules.ts';
import type { CliContext } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { readInteger, readTime } from './flags.ts';
import { readJsonFlag } from './json-input.ts';

export interface EditFlags {
  name?: string;
  type?: string;
  input?: string;
  options?: string;
  cron?: string;
  everyMs?: number;
  runAt?: string;
  timeZone?: string;
  catchUp?: CatchUp;
  overlap?: Overlap;
  tenant?: string;
  paused?: boolean;
  idempotencyKey?: string;
}

/** The flags that say what a schedule does, and when. */
export function addEditFlags(command: Command): Command {
  return command
    .option('--type <type>', 'the type of its jobs')
    .option('-i, --input <json>', 'the input of each: JSON, @file, or - for standard input')
    .option('--options <json>', 'options of each job, as in POST /v1/jobs: JSON, @file or -')
    .option('--cron <expression>', "when: minute hour day month weekday, e.g. '0 3 * * MON-FRI'")
    .option('--every-ms <number>', 'when: every so many milliseconds, at least 1000', readInteger)
    .option('--run-at <time>', 'when: once, e.g. 2030-01-31T08:00:00Z', readTime)
    .option('--time-zone <zone>', 'of the cron expression, e.g. Europe/Berlin (default: UTC)')
    .addOption(new Option('--catch-up <what>', 'after downtime (default: last)').choices(catchUps))
    .addOption(new Option('--overlap <what>', 'while the job before has not ended (default: allow)').choices(overlaps));
}

/** @throws UsageError for JSON that is none, and without a type */
export async function readNewSchedule(cli: CliContext, name: string, flags: EditFlags): Promise<NewScheduleInput> {
  const { type } = flags;
  if (type === undefined) throw new UsageError('--type is missing; `longshore types` lists them');
  const edit = await readEdit(cli, flags);
  const { tenant, paused } = flags;
  const more = { ...(tenant === undefined ? {} : { tenant }), ...(paused ? { enabled: false } : {}) };
  return { ...edit, name, type, input: 'input' in edit ? edit.input : {}, ...more };
}

/** What the flags change. @throws UsageError for JSON that is none */
export async function readEdit(cli: CliContext, flags: EditFlags): Promise<ScheduleEditInput> {
  if (flags.input === '-' && flags.options === '-') {
    throw new UsageError('--input and --options cannot both be read from standard input');
  }
  const { name, type, cron, everyMs, runAt, timeZone, catchUp, overlap } = flags;
  const input = flags.input === undefined ? undefined : await readJsonFlag(cli, '--input', flags.input);
  const options = flags.options === undefined ? undefined : await readJsonFlag(cli, '--options', flags.options);
  const given = { name, type, input, options, cron, everyMs, runAt, timeZone, catchUp, overlap };
  const entries = Object.entries({ ...given, options: options as ScheduleOptions | undefined });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
