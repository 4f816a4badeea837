import { type Context, createContext, Script } from 'node:vm';
import { NonRetryableError } from '../define/errors.ts';

let script: { calling: Script; context: Context } | undefined;

/**
 * Calls what a request may have made so that it takes for ever: a regular expression, a schema. No code of the request runs
 * in the script; but only a script has a limit of time that ends them.
 * @throws NonRetryableError when it takes longer, and what `call` throws
 */
export function callWithin<Result>(timeoutMs: number, subject: string, call: () => Result): Result {
  script ??= { calling: new Script('call()'), context: createContext() };
  const { calling, context } = script;
  try {
    context.call = call;
    return calling.runInContext(context, { timeout: timeoutMs }) as Result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new NonRetryableError(`${subject} took longer than ${timeoutMs} ms`);
  } finally {
    context.call = undefined; // it holds what it works on
  }
}
