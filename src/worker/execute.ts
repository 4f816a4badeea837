import type { JobContext } from '../define/context.ts';
import type { JobDefinition } from '../define/job.ts';
import { parseWith, type SchemaFault } from '../define/registry.ts';
import type { RunResult } from '../engine/outcome.ts';
import { encodeJson } from '../shared/json.ts';
import type { PipelineRun } from './pipeline-run.ts';
import { type AbortReason, whyAborted } from './run-aborted.ts';

export interface ExecuteOptions {
  /** The largest JSON that a handler may return. */
  maxOutputBytes: number;
  /** Where the handler calls steps: it may end the run, too. */
  pipeline: PipelineRun | undefined;
  /** Calls the handler, wherever it runs. */
  call: JobDefinition['run'];
  /** Told when it has been called. @param returned settles when the handler does; never rejects */
  onCalled: (returned: Promise<unknown>) => void;
}

/**
 * Runs a handler to its end, or until its signal aborts: then at once, whatever the handler does. Never rejects.
 */
export async function execute(
  definition: JobDefinition,
  input: unknown,
  context: JobContext,
  { call, maxOutputBytes, pipeline, onCalled }: ExecuteOptions,
): Promise<RunResult> {
  const parsed = await parseWith(definition.inputSchema, input, 'input');
  if (!parsed.ok) return { kind: 'invalid_input', error: new InvalidInputError(describe(parsed.faults)) };
  const running = runHandler(call, parsed.value, context);
  onCalled(running);
  pipeline?.start();
  const ends = pipeline ? [pipeline.ended.then((result) => ({ result }))] : [];
  const ended = await Promise.race([running, whenAborted(context.signal), ...ends]);
  if ('result' in ended) return ended.result;
  if ('error' in ended) return { kind: 'threw', error: ended.error };
  if ('abortedBy' in ended) return ended.abortedBy === 'timeout' ? { kind: 'timed_out' } : { kind: 'stopped' };
  const fault = pipeline?.faultOfReturn();
  if (fault) return { kind: 'threw', error: fault };
  return checkOutput(definition, ended.value, maxOutputBytes);
}

type Ended = { value: unknown } | { error: unknown } | { abortedBy: AbortReason };

// Its name ends the stacks that are kept of handlers (shared/failure.ts).
async function runHandler(call: ExecuteOptions['call'], input: unknown, context: JobContext): Promise<Ended> {
  try {
    return { value: await call(input, context) };
  } catch (error) {
    // A handler that obeys its signal throws; that is the abort's doing and not a failure of its own.
    if (context.signal.aborted) return { abortedBy: whyAborted(context.signal) };
    return { error };
  }
}

function whenAborted(signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve) => {
    const settle = () => resolve({ abortedBy: whyAborted(signal) });
    if (signal.aborted) settle();
    else signal.addEventListener('abort', settle, { once: true });
  });
}

async function checkOutput(definition: JobDefinition, value: unknown, maxBytes: number): Promise<RunResult> {
  let output = value;
  if (definition.outputSchema) {
    const parsed = await parseWith(definition.outputSchema, value, 'output');
    if (!parsed.ok) return { kind: 'invalid_output', error: new InvalidOutputError(describe(parsed.faults)) };
    output = parsed.value;
  }
  const encoded = encodeJson(output, maxBytes);
  if (!encoded.ok) return { kind: 'invalid_output', error: new InvalidOutputError(`the output ${encoded.fault}`) };
  return { kind: 'returned', output: encoded.json };
}

class InvalidInputError extends Error {
  override name = 'InvalidInputError';
}

class InvalidOutputError extends Error {
  override name = 'InvalidOutputError';
}

function describe(faults: readonly SchemaFault[]): string {
  return faults.map((fault) => `${fault.path}: ${fault.message}`).join('; ');
}
