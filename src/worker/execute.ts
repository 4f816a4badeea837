import { type KnownDefinitions, parseInput } from '../define/check-input.ts';
import type { JobContext } from '../define/context.ts';
import type { JobDefinition } from '../define/job.ts';
import { type Parsed, parseWith, type SchemaFault } from '../define/registry.ts';
import type { RunResult } from '../engine/outcome.ts';
import { encodeJson } from '../shared/json.ts';
import type { PipelineRun } from './pipeline-run.ts';
import { type AbortReason, whyAborted } from './run-aborted.ts';

export interface ExecuteOptions {
  /** What this worker has for inputs to name. */
  known: KnownDefinitions;
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
  { known, call, maxOutputBytes, pipeline, onCalled }: ExecuteOptions,
): Promise<RunResult> {
  const aborted = whenAborted(context.signal);
  const checked = await Promise.race([checkInput(definition, input, known), aborted]);
  if (!('parsed' in checked)) return toResult(checked);
  const { parsed } = checked;
  if (!parsed.ok) return { kind: 'invalid_input', error: new InvalidInputError(describe(parsed.faults)) };
  const running = runHandler(call, parsed.value, context);
  onCalled(running);
  pipeline?.start();
  const ends = pipeline ? [pipeline.ended.then((result) => ({ result }))] : [];
  const ended = await Promise.race([running, aborted, ...ends]);
  if ('result' in ended) return ended.result;
  if (!('value' in ended)) return toResult(ended);
  const fault = pipeline?.faultOfReturn();
  if (fault) return { kind: 'threw', error: fault };
  return checkOutput(definition, ended.value, maxOutputBytes);
}

type Broken = { error: unknown } | { abortedBy: AbortReason };
type Ended = { value: unknown } | Broken;

function toResult(broken: Broken): RunResult {
  if ('error' in broken) return { kind: 'threw', error: broken.error };
  return broken.abortedBy === 'timeout' ? { kind: 'timed_out' } : { kind: 'stopped' };
}

/** A schema and `checkInput` may hold code that throws, or takes its time. */
async function checkInput(
  definition: JobDefinition,
  input: unknown,
  known: KnownDefinitions,
): Promise<{ parsed: Parsed } | { error: unknown }> {
  try {
    return { parsed: await parseInput(definition, input, known) };
  } catch (error) {
    return { error };
  }
}

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

function whenAborted(signal: AbortSignal): Promise<{ abortedBy: AbortReason }> {
  return new Promise((resolve) => {
    const settle = () => resolve({ abortedBy: whyAborted(signal) });
    if (signal.aborted) settle();
    else signal.addEventListener('abort', settle, { once: true });
  });
}

async function checkOutput(definition: JobDefinition, value: unknown, maxBytes: number): Promise<RunResult> {
  let output = value;
  if (definition.outputSchema) {
    try {
      const parsed = await parseWith(definition.outputSchema, value, 'output');
      if (!parsed.ok) return { kind: 'invalid_output', error: new InvalidOutputError(describe(parsed.faults)) };
      output = parsed.value;
    } catch (error) {
      return { kind: 'invalid_output', error }; // its code threw, and would do so again
    }
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
