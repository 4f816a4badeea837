import { type Context, createContext, Script } from 'node:vm';
import { NonRetryableError } from '../define/errors.ts';

let script: { calling: Script; context: Context } | undefined;

/** How often a call may start again that the machine held up. */
const MAX_STARTS = 3;

/**
 * Calls what a request may have made so that it takes for ever: a regular expression, a schema. No code of the request runs
 * in the script; but only a script has a limit of time that ends them. The limit is one of the clock: a call that had less than
 * a quarter of it on the processor was held up by others, and is made again.
 * @param call has no effects
 * @throws NonRetryableError when it takes longer, and what `call` throws
 */
export function callWithin<Result>(timeoutMs: number, subject: string, call: () => Result): Result {
  for (let starts = 1; ; starts += 1) {
    const before = process.threadCpuUsage();
    try {
      return callOnce(timeoutMs, call);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      const { user, system } = process.threadCpuUsage(before); // microseconds
      const wasHeldUp = (user + system) / 1000 < timeoutMs / 4;
      if (!wasHeldUp || starts === MAX_STARTS)
        throw new NonRetryableError(`${subject} took longer than ${timeoutMs} ms`);
    }
  }
}

function callOnce<Result>(timeoutMs: number, call: () => Result): Result {
  script ??= { calling: new Script('call()'), context: createContext() };
  const { calling, context } = script;
  try {
    context.call = call;
    return calling.runInContext(context, { timeout: timeoutMs }) as Result;
  } finally {
    context.call = undefined; // it holds what it works on
  }
}
