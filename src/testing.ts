import type { z } from 'zod';
import { parseInput } from './define/check-input.ts';
import type { JobDefinition } from './define/job.ts';
import { createRegistry, parseWith } from './define/registry.ts';
import { AppError, type FieldError } from './shared/errors.ts';
import { encodeJson } from './shared/json.ts';
import { createRecordingContext, type Recording, type RecordingOptions } from './testing/recording-context.ts';

export type {
  EnqueuedChild,
  LogLine,
  ProgressReport,
  RecordedFile,
  Recording,
  RecordingOptions as RunJobOptions,
} from './testing/recording-context.ts';

export interface RunJobResult<Output> extends Recording {
  /** As the record keeps it: after the schema, and as JSON. */
  output: Output;
}

const LIMIT_BYTES = 1024 * 1024;

/**
 * Runs a job's handler once, as a worker does, but without a database, a queue or a network. There are no retries
 * and no timeout; what the handler throws (also `NonRetryableError` and `snooze`) is thrown.
 *
 * @example
 * const { output, progress } = await runJob(sendEmail, { to: 'a@example.com' }, { services: { mailer: fakeMailer } });
 * expect(output).toEqual({ accepted: 1 });
 * expect(progress.at(-1)).toEqual({ percent: 100 });
 *
 * @throws INVALID_FIELDS, with `errors`, for an input or output that the job's schemas, its
 * `checkInput` or the record do not take
 */
export async function runJob<Input, Output>(
  definition: JobDefinition<Input, Output>,
  input: Input,
  options: RecordingOptions = {},
): Promise<RunJobResult<Output>> {
  const stored = storeInput(input);
  const known = createRegistry([], options.known);
  const parsed = await parseInput(definition, stored, known);
  if (!parsed.ok) throw invalid('input', parsed.faults);
  const { ctx, recording } = createRecordingContext(definition, known, options);
  const returned = await definition.run(parsed.value, ctx);
  return { output: (await storeOutput(definition.outputSchema, returned)) as Output, ...recording };
}

// The input reaches a worker as JSON, so a Date or a Map must not survive here either.
function storeInput(input: unknown): unknown {
  if (input === undefined) throw invalid('input', [{ path: 'input', message: 'is required' }]);
  const encoded = encodeJson(input, LIMIT_BYTES);
  if (!encoded.ok) throw invalid('input', [{ path: 'input', message: encoded.fault }]);
  return JSON.parse(encoded.json) as unknown;
}

async function storeOutput(schema: z.ZodType | undefined, returned: unknown): Promise<unknown> {
  const parsed = schema ? await parseWith(schema, returned, 'output') : { ok: true as const, value: returned };
  if (!parsed.ok) throw invalid('output', parsed.faults);
  const encoded = encodeJson(parsed.value, LIMIT_BYTES);
  if (!encoded.ok) throw invalid('output', [{ path: 'output', message: encoded.fault }]);
  return JSON.parse(encoded.json) as unknown;
}

function invalid(what: 'input' | 'output', errors: FieldError[]): AppError {
  const list = errors.map((error) => `${error.path} ${error.message}`).join('; ');
  return new AppError('INVALID_FIELDS', `the ${what} is not valid: ${list}`, { errors });
}
