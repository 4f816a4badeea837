import { CommanderError } from 'commander';
import { AnswerError, ServerUnreachableError } from '../client.ts';
import { isAppError } from '../shared/errors.ts';
import { type ExitCode, exitCodes, UsageError } from './exit-codes.ts';
import { cleanLine, cleanText, type Terminal } from './terminal.ts';

/** Prints any error of a command to standard error, for people or as JSON, and says how to exit. */
export function reportError(error: unknown, terminal: Terminal, isJson: boolean): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.done;
    if (!isJson) return exitCodes.usage; // already printed
  }
  const fault = describeFault(error);
  if (isJson) {
    const { lines: _, exitCode, ...rest } = fault;
    terminal.note(JSON.stringify({ error: { ...rest, exitCode } }));
    return exitCode;
  }
  terminal.note(`${terminal.colors.red('error:')} ${fault.message}`);
  for (const line of fault.lines) terminal.note(`  ${line}`);
  return fault.exitCode;
}

interface Fault {
  code: string;
  message: string;
  status?: number;
  errors?: readonly { path: string; message: string }[];
  /** What people read below the message. */
  lines: readonly string[];
  exitCode: ExitCode;
}

function describeFault(error: unknown): Fault {
  if (error instanceof CommanderError) {
    const isHelp = error.code === 'commander.help'; // printed in place of a command that is missing
    const message = isHelp ? 'a command is missing; add --help' : error.message.replace(/^error: /, '');
    return { code: 'USAGE', message, lines: [], exitCode: exitCodes.usage };
  }
  if (error instanceof ServerUnreachableError) {
    return {
      code: 'SERVER_UNREACHABLE',
      message: error.message,
      lines: ['Is it running? Start it with `npx longshore start`; another address: --url or LONGSHORE_URL.'],
      exitCode: exitCodes.unreachable,
    };
  }
  if (error instanceof AnswerError) {
    const { code, status, errors } = error;
    return { code, status, errors, ...describeRefusal(error), exitCode: exitCodes.usage };
  }
  if (error instanceof UsageError) {
    return { code: 'USAGE', message: error.message, lines: [], exitCode: exitCodes.usage };
  }
  if (isAppError(error)) {
    const isAway = error.code === 'STORE_UNAVAILABLE' || error.code === 'TRANSPORT_UNAVAILABLE';
    const exitCode = isAway ? exitCodes.unreachable : exitCodes.usage;
    return { code: error.code, message: error.message, lines: [], exitCode };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'INTERNAL', message: stack, lines: [], exitCode: exitCodes.internal };
}

function describeRefusal(error: AnswerError): Pick<Fault, 'message' | 'lines'> {
  const faults = error.errors.map(({ path, message }) => cleanLine(path === '' ? message : `${path}: ${message}`));
  const detail = cleanText(error.detail);
  const hints = error.code === 'UNAUTHENTICATED' ? ['Give the key with --key or in LONGSHORE_KEY.'] : [];
  // The detail may be nothing but the faults in a row; each is said once.
  const [first] = error.errors;
  if (error.errors.length === 1 && first && detail.endsWith(cleanLine(first.message)))
    return { message: detail, lines: hints };
  if (faults.length === 0 || !detail.startsWith(faults[0] as string))
    return { message: detail, lines: [...faults, ...hints] };
  return { message: `the request has ${faults.length} faults`, lines: [...faults, ...hints] };
}
