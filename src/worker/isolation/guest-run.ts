import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { loadHandler } from '../../define/isolation.ts';
import { messageOf } from '../../shared/failure.ts';
import { describeExcess } from '../../shared/json.ts';
import { createJobFiles, type FileRecord } from '../../storage/job-files.ts';
import { jobScope } from '../../telemetry/job-scope.ts';
import { RunAborted } from '../run-aborted.ts';
import { createGuestContext } from './guest-context.ts';
import type { GuestServices } from './guest-services.ts';
import type { GuestChannel, GuestMessage, GuestSettings, HostMessage, Question, Task } from './protocol.ts';
import { pack, unpack } from './thrown.ts';

/** The run that is under way in a guest. */
export interface OpenRun {
  /** What AsyncLocalStorage tells its code by. */
  readonly scope: { jobId: string; type: string; attempt: number };
  readonly tell: (message: GuestMessage) => void;
}

/**
 * Runs the one handler that the host sends. Never rejects.
 * @param onOpen called when it is known which
 * @returns when the host knows the end
 */
export async function serveRun(
  channel: GuestChannel,
  services: GuestServices,
  onOpen: (run: OpenRun) => void,
): Promise<void> {
  const abort = new AbortController();
  const calls = new Calls(channel);
  const received = Promise.withResolvers<Task>();
  let isOver = false;
  channel.listen((message) => {
    if (message.kind === 'run') received.resolve(message.task);
    else if (message.kind === 'abort') abort.abort(new RunAborted(message.why));
    else calls.settle(message);
  });
  // Code that goes on after its handler has ended must not speak for the next run.
  const tell = (message: GuestMessage) => {
    if (!isOver) channel.send(message);
  };
  const task = await received.promise;
  const scope = { jobId: task.job.id, type: task.job.type, attempt: task.attempt };
  onOpen({ scope, tell });
  await jobScope.run(scope, async () => {
    let flush = () => {};
    try {
      const run = await loadHandler(task.handlerFile);
      const { signal } = abort;
      const ask = (question: Question) => calls.ask(question);
      const opened = await services.get(task.settings);
      const record = async (file: FileRecord) => void (await ask({ kind: 'recordFile', file }));
      const files = createJobFiles(opened.storage, { ...task.files, signal, record });
      const context = createGuestContext(task, { signal, services: opened.services, files, tell, ask });
      flush = context.flush;
      signal.throwIfAborted();
      tell({ kind: 'started' });
      try {
        const output = await runHandler(run, task.input, context.ctx);
        checkSize(output, task.settings);
        flush();
        tellOutput(tell, output);
      } finally {
        await files.close();
      }
    } catch (error) {
      flush();
      tell({ kind: 'threw', error: pack(error) });
    }
  });
  isOver = true;
  if (!abort.signal.aborted) abort.abort(new RunAborted('superseded'));
}

// Its name ends the stacks that are kept of handlers (shared/failure.ts).
async function runHandler(
  run: (input: unknown, ctx: JobContext) => Promise<unknown>,
  input: unknown,
  ctx: JobContext,
): Promise<unknown> {
  return await run(input, ctx);
}

// The worker would refuse it, and be busy with it meanwhile. Its schema may make it smaller, though hardly by this much.
const SPARE = 4;

function checkSize(output: unknown, { maxOutputBytes }: GuestSettings): void {
  const bytes = measureJson(output);
  if (bytes > SPARE * maxOutputBytes) {
    throw new NonRetryableError(`the output ${describeExcess(bytes, maxOutputBytes)}`);
  }
}

function measureJson(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value) ?? '');
  } catch {
    return 0; // its schema may make JSON of it; else the worker says what is wrong
  }
}

function tellOutput(tell: OpenRun['tell'], output: unknown): void {
  try {
    tell({ kind: 'returned', output });
  } catch (cause) {
    const text = `the output cannot be sent to the worker: ${messageOf(cause)}`;
    throw new NonRetryableError(text, { cause });
  }
}

/** Questions to the host that are not answered yet. */
class Calls {
  readonly #channel: GuestChannel;
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>();
  #count = 0;

  constructor(channel: GuestChannel) {
    this.#channel = channel;
  }

  async ask(question: Question): Promise<unknown> {
    const call = ++this.#count;
    this.#channel.send({ kind: 'call', call, question });
    const answered = Promise.withResolvers<unknown>();
    this.#open.set(call, answered);
    return answered.promise;
  }

  settle(message: Extract<HostMessage, { call: number }>): void {
    const answered = this.#open.get(message.call);
    this.#open.delete(message.call);
    if (message.kind === 'answer') answered?.resolve(message.value);
    else answered?.reject(unpack(message.error));
  }
}
