import type { Command, Option } from 'commander';
import { jobStatuses } from '../contract/job-status.ts';

/** What a value may be: names that `longshore __complete` knows, files, one of some words, or anything. */
export type ValueKind = NameKind | 'files' | 'any' | readonly string[];
export const nameKinds = ['types', 'queues', 'profiles', 'jobs'] as const;
export type NameKind = (typeof nameKinds)[number];

export interface CompletedFlag {
  /** `-w`, `--wait` */
  names: string[];
  description: string;
  /** Undefined for a flag without a value. */
  value: ValueKind | undefined;
}

/** What may follow one command, e.g. `jobs list`; the path of the program itself is empty. */
export interface CompletedCommand {
  path: string;
  commands: { name: string; description: string }[];
  flags: CompletedFlag[];
  /** Of its arguments, in their order. */
  values: ValueKind[];
  /** The last of them may come again and again. */
  isVariadic: boolean;
}

const FLAG_KINDS: Record<string, ValueKind> = {
  '--type': 'types',
  '--queue': 'queues',
  '--profile': 'profiles',
  '--status': jobStatuses,
  '--output': 'files',
  '--errors': 'files',
};

/** By the name of an argument, after the path of its command where that is needed to tell. */
const ARGUMENT_KINDS: Record<string, ValueKind> = {
  type: 'types',
  file: 'files',
  path: 'files',
  folder: 'files',
  'jobs id': 'jobs',
  'queues name': 'queues',
  'profiles name': 'profiles',
};

/** Everything that may be typed, as the program itself knows it. */
export function describeProgram(program: Command): CompletedCommand[] {
  return describeCommand(program, '');
}

function describeCommand(command: Command, path: string): CompletedCommand[] {
  const help = command.createHelp();
  help.showGlobalOptions = true;
  const commands = help.visibleCommands(command);
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  const values = command.registeredArguments.map(
    (argument) => argument.argChoices ?? findArgumentKind(path, argument.name()),
  );
  const entry: CompletedCommand = {
    path,
    commands: commands.map((each) => ({ name: each.name(), description: each.description() })),
    flags: options.filter(({ hidden }) => !hidden).map(describeFlag),
    values,
    isVariadic: command.registeredArguments.at(-1)?.variadic === true,
  };
  // `help` takes the names of other commands; it has none of its own below it.
  const children = commands.filter((each) => each.name() !== 'help');
  return [entry, ...children.flatMap((child) => describeCommand(child, `${path} ${child.name()}`.trim()))];
}

function describeFlag(option: Option): CompletedFlag {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const kind = option.argChoices ?? FLAG_KINDS[option.long ?? ''] ?? 'any';
  return { names, description: option.description, value: option.required || option.optional ? kind : undefined };
}

function findArgumentKind(path: string, name: string): ValueKind {
  const [group = ''] = path.split(' ');
  return ARGUMENT_KINDS[`${group} ${name}`] ?? ARGUMENT_KINDS[name] ?? 'any';
}
