import { createWriteStream } from 'node:fs';
import { resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import type { BulkMeter } from './bulk-meter.ts';
import type { CliContext } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { cleanLine } from './terminal.ts';

type Faults = readonly { path: string; message: string }[];

/** Where lines go that the server did not take. */
export interface ErrorSink {
  report(line: number, errors: Faults): void;
  close(): Promise<void>;
}

/** @param file NDJSON, `{line, errors}`; undefined: standard error, for people */
export function openErrorSink(
  cli: Pick<CliContext, 'cwd'>,
  file: string | undefined,
  meter: Pick<BulkMeter, 'note'>,
): ErrorSink {
  if (file === undefined) {
    return { report: (line, errors) => meter.note(describe(line, errors)), close: async () => {} };
  }
  const path = resolve(cli.cwd, file);
  const stream = createWriteStream(path);
  const ended = finished(stream);
  ended.catch(() => {}); // told by close
  return {
    report: (line, errors) => void stream.write(`${JSON.stringify({ line, errors })}\n`),
    async close() {
      stream.end();
      await ended.catch((error: Error) => {
        throw new UsageError(`${path} cannot be written: ${error.message}`);
      });
    },
  };
}

function describe(line: number, errors: Faults): string {
  const faults = errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return cleanLine(`line ${line}: ${faults.join('; ')}`);
}
