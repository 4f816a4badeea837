import type { Argument, Command, Option } from 'commander';
import { jobStatuses } from '../contract/job-status.ts';

/** What only the server, or a file, knows. */
export type LookUp = 'types' | 'queues' | 'profiles';

/** What may stand where the cursor is; the shell picks what begins as the last word does. */
export interface Suggestions {
  words: string[];
  lookUp?: LookUp;
}

const LOOK_UPS: Record<string, LookUp> = {
  '--type': 'types',
  '--queue': 'queues',
  '--profile': 'profiles',
  type: 'types',
  queue: 'queues',
};

/** @param line all that was typed up to the cursor, the program's name included; quotes are not understood */
export function suggest(program: Command, line: string): Suggestions {
  const words = line.trimStart().split(/\s+/).slice(1);
  const current = words.pop() ?? '';
  const { command, operands, openOption } = walk(program, words);
  if (openOption) return suggestValue(openOption);
  const [, flag] = /^(--[\w-]+)=/.exec(current) ?? [];
  const assigned = flag === undefined ? undefined : findOption(command, flag);
  if (assigned) {
    const { words: values, ...rest } = suggestValue(assigned);
    return { words: values.map((value) => `${flag}=${value}`), ...rest };
  }
  if (current.startsWith('-')) return { words: optionsOf(command).map(({ long, short }) => long ?? short ?? '') };
  const names = command.commands.map((each) => each.name()).filter((name) => !name.startsWith('__'));
  if (names.length > 0) return { words: names };
  const argument =
    command.registeredArguments[operands] ?? command.registeredArguments.findLast((each) => each.variadic);
  return argument ? suggestArgument(command, argument) : { words: [] };
}

interface Place {
  command: Command;
  /** Arguments of the command so far. */
  operands: number;
  /** An option that waits for its value. */
  openOption: Option | undefined;
}

function walk(program: Command, words: readonly string[]): Place {
  const place: Place = { command: program, operands: 0, openOption: undefined };
  for (const word of words) {
    const next = place.command.commands.find((each) => each.name() === word);
    if (place.openOption) place.openOption = undefined;
    else if (word.startsWith('-')) place.openOption = takesNextWord(findOption(place.command, word));
    else if (next) Object.assign(place, { command: next, operands: 0 });
    else place.operands += 1;
  }
  return place;
}

function takesNextWord(option: Option | undefined): Option | undefined {
  return option?.required ? option : undefined;
}

/** Those of the command and of all above it: global flags may stand anywhere. */
function optionsOf(command: Command): Option[] {
  const own = command.options.filter((option) => !option.hidden);
  return command.parent ? [...own, ...optionsOf(command.parent)] : [...own];
}

function findOption(command: Command, flag: string): Option | undefined {
  return optionsOf(command).find(({ long, short }) => long === flag || short === flag);
}

function suggestValue({ long, argChoices }: Option): Suggestions {
  if (long === '--status') return { words: [...jobStatuses] };
  const lookUp = LOOK_UPS[long ?? ''];
  return { words: argChoices ?? [], ...(lookUp === undefined ? {} : { lookUp }) };
}

function suggestArgument(command: Command, argument: Argument): Suggestions {
  if (command.parent?.name() === 'profiles') return { words: [], lookUp: 'profiles' };
  const lookUp = LOOK_UPS[argument.name()];
  return { words: argument.argChoices ?? [], ...(lookUp === undefined ? {} : { lookUp }) };
}
