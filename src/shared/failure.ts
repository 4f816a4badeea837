import { types } from 'node:util';
import { toStorableText } from './json.ts';

/** What the record keeps of a thrown value; `attempt` is added by the engine. */
export interface Failure {
  name: string;
  message: string;
  code?: string;
  stack?: string;
  cause?: Failure;
}

const LIMIT_MESSAGE = 8_000;
const LIMIT_STACK = 16_000;
const LIMIT_CAUSES = 5;

/** Turns anything that was thrown (an error, a string, undefined) into a recordable failure. Never throws. */
export function toFailure(thrown: unknown): Failure {
  try {
    return readFailure(thrown, 0);
  } catch {
    return { name: 'NonError', message: 'threw something that cannot be read' }; // a getter or a proxy that throws
  }
}

function readFailure(thrown: unknown, depth: number): Failure {
  if (!(thrown instanceof Error) && !types.isNativeError(thrown)) {
    return { name: 'NonError', message: clip(describe(thrown), LIMIT_MESSAGE) };
  }
  const failure: Failure = {
    name: clip(String(thrown.name), 200),
    message: clip(String(thrown.message), LIMIT_MESSAGE),
  };
  const code = (thrown as { code?: unknown }).code;
  if (typeof code === 'string' || typeof code === 'number') failure.code = clip(String(code), 200);
  if (typeof thrown.stack === 'string') failure.stack = clip(dropRunnerFrames(thrown.stack), LIMIT_STACK);
  if (thrown.cause !== undefined && depth < LIMIT_CAUSES) failure.cause = readFailure(thrown.cause, depth + 1);
  return failure;
}

/** The message of anything that was thrown, for one line of text. */
export function messageOf(thrown: unknown): string {
  return toFailure(thrown).message;
}

// Below these frames a stack only shows how the program calls handlers, the same for every job.
const RUNNER_FRAMES =
  /(\n\s+at [^\n]*\b(define\/(job|isolation)|worker\/run-attempt)\.[jt]s:[^\n]*)*\n\s+at (async )?runHandler \([\s\S]*$/;

function dropRunnerFrames(stack: string): string {
  return stack.replace(RUNNER_FRAMES, '');
}

function describe(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  try {
    return `threw ${JSON.stringify(thrown) ?? String(thrown)}`;
  } catch {
    return `threw a value of type ${typeof thrown}`; // circular or a hostile toJSON
  }
}

// A failure must always be recordable.
function clip(text: string, limit: number): string {
  const clean = toStorableText(text);
  return clean.length > limit ? `${clean.slice(0, limit).toWellFormed()}… (${clean.length} characters)` : clean;
}
