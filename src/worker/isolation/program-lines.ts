import type { JobLog } from '../../define/context.ts';
import type { LogFields, Logger } from '../../telemetry/logger.ts';
import type { ProgramLine } from './protocol.ts';
import { pack, unpack } from './thrown.ts';

/** A logger for the program's own lines in a guest: the host writes them. */
export class GuestLogger implements Logger {
  readonly #post: (line: ProgramLine) => void;
  readonly #bound: LogFields;

  constructor(post: (line: ProgramLine) => void, bound: LogFields = {}) {
    this.#post = post;
    this.#bound = bound;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }

  child(fields: LogFields): Logger {
    return new GuestLogger(this.#post, { ...this.#bound, ...fields });
  }

  #write(level: keyof JobLog, message: string, given: LogFields = {}): void {
    const { error, ...fields } = { ...this.#bound, ...given };
    this.#post({ kind: 'line', level, message, fields, ...(error === undefined ? {} : { error: pack(error) }) });
  }
}

export function writeLine(log: Logger, { level, message, fields, error }: ProgramLine): void {
  log[level](message, error === undefined ? fields : { ...fields, error: unpack(error) });
}
