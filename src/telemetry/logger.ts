import { hostname } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import winston from 'winston';
import { type Failure, toFailure } from '../shared/failure.ts';

/**
 * Fields that a line may carry; anything JSON is allowed. `error` is written with its stack and causes; `fields` are those of
 * a job's own line.
 */
export type LogFields = Record<string, unknown> & { error?: unknown; fields?: Record<string, unknown> };

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines all carry these fields. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  level: 'error' | 'warn' | 'info' | 'debug';
  format: 'json' | 'pretty';
  /** Where lines go; default standard output. */
  stream?: NodeJS.WritableStream;
}

/** One line per event: JSON for machines, or `INFO  [http:request] job 0198… progress 50 %` for people. */
export function createLogger(options: LoggerOptions): Logger {
  const stream = options.stream ?? process.stdout;
  const root = winston.createLogger({
    level: options.level,
    format: options.format === 'json' ? jsonLine(hostname()) : prettyLine(),
    transports: [new winston.transports.Stream({ stream })],
  });
  return new LeveledLogger(root, new Set(LEVELS.filter((level) => root.isLevelEnabled(level))), {});
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Every job has one of its own, and most lines are below the level: neither may cost much. */
class LeveledLogger implements Logger {
  readonly #root: winston.Logger;
  readonly #enabled: ReadonlySet<string>;
  readonly #bound: LogFields;

  constructor(root: winston.Logger, enabled: ReadonlySet<string>, bound: LogFields) {
    this.#root = root;
    this.#enabled = enabled;
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
    return new LeveledLogger(this.#root, this.#enabled, { ...this.#bound, ...fields });
  }

  #write(level: string, message: string, fields: LogFields = {}): void {
    if (!this.#enabled.has(level)) return;
    const { error, ...rest } = { ...this.#bound, ...fields };
    // As one object: winston would take `%` in a message for a placeholder, and append a field called `message` to it.
    this.#root.log({ ...rest, ...(error === undefined ? {} : { error: toFailure(error) }), level, message });
  }
}

function jsonLine(host: string): winston.Logform.Format {
  return winston.format.printf(({ level, message, ...fields }) =>
    JSON.stringify({ time: new Date().toISOString(), level, message, host, pid: process.pid, ...fields }),
  );
}

const colours: Record<string, (text: string) => string> = {
  error: pc.red,
  warn: pc.yellow,
  info: pc.green,
  debug: pc.dim,
};

function prettyLine(): winston.Logform.Format {
  return winston.format.printf(
    ({ level, message, jobId, type, queue, error, durationMs, attempt, fields, ...rest }) => {
      const paint = colours[level] ?? String;
      const subject = type ?? queue;
      const parts = [
        pc.dim(new Date().toISOString().slice(11, 23)),
        paint(level.toUpperCase().padEnd(5)),
        subject ? pc.cyan(`[${subject}]`) : '',
        jobId ? `job ${jobId}` : '',
        toOneLine(String(message)),
        attempt === undefined ? '' : pc.dim(`attempt ${attempt}`),
        durationMs === undefined ? '' : pc.dim(`${durationMs} ms`),
        ...Object.entries({ ...rest, ...(fields as object | undefined) }).map(([key, value]) =>
          pc.dim(toOneLine(`${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)),
        ),
      ];
      const line = parts.filter((part) => part !== '').join(' ');
      return error ? `${line}\n${describeFailure(error as Failure)}` : line;
    },
  );
}

// A job's text must neither look like a line of its own nor steer the terminal.
function toOneLine(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\s*\n\s*/g, ' ⏎ ');
}

function describeFailure(failure: Failure, indent = '  '): string {
  const text = failure.stack ?? `${failure.name}: ${failure.message}`;
  const lines = text
    .split('\n')
    .map((line) => indent + line.trimEnd())
    .join('\n');
  return failure.cause ? `${lines}\n${indent}caused by:\n${describeFailure(failure.cause, `${indent}  `)}` : lines;
}
