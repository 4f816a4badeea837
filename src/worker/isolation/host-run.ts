import type { JobContext, JobHandle } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import type { Registry } from '../../define/registry.ts';
import { AppError } from '../../shared/errors.ts';
import { messageOf } from '../../shared/failure.ts';
import type { FileRecord } from '../../storage/job-files.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { whyAborted } from '../run-aborted.ts';
import { type Guest, HandlerLostError } from './guest.ts';
import type { GuestMessage, Question, Task } from './protocol.ts';
import { pack, unpack } from './thrown.ts';

/** How long a handler may go on after its signal has aborted, or its guest after the handler has ended. */
export const GRACE_MS = 5000;
/** How long a guest may take until its handler begins: to start, and to load services and the handler's module. */
const START_LIMIT_MS = 60_000;

export interface HostRunOptions {
  registry: Registry;
  log: Logger;
  recordFile: (file: FileRecord) => Promise<void>;
  /** Called when the handler begins, unless the run is over by then. */
  onStarted: () => void;
}

export interface HostRun {
  /** What the handler returned. Rejects with what it threw, or with a {@link HandlerLostError}. */
  result: Promise<unknown>;
  /** Resolves when the guest runs nothing any more: by force, if it does not end {@link GRACE_MS} after it should have. */
  over: Promise<void>;
}

/** Runs a handler in a guest, and does for it what it asks of its context. */
export function runInGuest(guest: Guest, task: Task, ctx: JobContext, options: HostRunOptions): HostRun {
  const { promise: result, resolve, reject } = Promise.withResolvers<unknown>();
  const answer = createAnswerer(ctx, options);
  let isOpen = true;
  let timer = setTimeout(() => {
    settle(() => reject(new HandlerLostError(`the handler did not begin within ${START_LIMIT_MS / 1000} s`)));
    guest.kill();
  }, START_LIMIT_MS);
  const limit = (fault: string) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const { id: jobId, type, queue } = ctx.job;
      options.log.warn(`a ${guest.what} was ended by force: ${fault} ${GRACE_MS / 1000} s ago`, { jobId, type, queue });
      guest.kill();
    }, GRACE_MS);
  };
  const abort = () => {
    guest.channel.send({ kind: 'abort', why: whyAborted(ctx.signal) });
    limit('its handler was told to stop');
  };
  /** What the guest says from now on is not heard: its run has ended. */
  const settle = (end: () => void) => {
    isOpen = false;
    ctx.signal.removeEventListener('abort', abort);
    end();
    limit('its handler ended');
  };
  const hear = (message: GuestMessage) => {
    if (!isOpen) return;
    switch (message.kind) {
      case 'started':
        if (ctx.signal.aborted) return;
        clearTimeout(timer);
        return options.onStarted();
      case 'progress':
        return ctx.progress(message.percent, message.message);
      case 'log':
        return ctx.log[message.level](message.message, readFields(message));
      case 'call':
        return void answer(message.question).then(
          (value) => guest.channel.send({ kind: 'answer', call: message.call, value }),
          (error) => guest.channel.send({ kind: 'refusal', call: message.call, error: pack(error) }),
        );
      case 'returned':
        return settle(() => resolve(message.output));
      case 'threw':
        return settle(() => reject(unpack(message.error)));
      case 'crashed': {
        const cause = unpack(message.error);
        const text = `the handler threw where nobody caught it: ${messageOf(cause)}`;
        return settle(() => reject(new HandlerLostError(text, { cause })));
      }
    }
  };

  guest.channel.listen(hear);
  ctx.signal.addEventListener('abort', abort, { once: true });
  try {
    guest.channel.send({ kind: 'run', task });
  } catch (cause) {
    const text = `the input cannot be sent to a ${guest.what}: ${messageOf(cause)}`;
    settle(() => reject(new NonRetryableError(text, { cause })));
    guest.kill();
  }
  const over = guest.gone.then((fault) => {
    if (isOpen) settle(() => reject(fault));
    clearTimeout(timer);
  });
  return { result, over };
}

function readFields({ fields, error }: Extract<GuestMessage, { kind: 'log' }>): Record<string, unknown> | undefined {
  return error === undefined ? fields : { ...fields, error: unpack(error) };
}

/** @returns a function that does what a guest asks for, through the context of its run */
function createAnswerer(
  ctx: JobContext,
  { registry, recordFile }: Pick<HostRunOptions, 'registry' | 'recordFile'>,
): (question: Question) => Promise<unknown> {
  const children = new Map<string, JobHandle<unknown>>();
  return async (question) => {
    switch (question.kind) {
      case 'checkpoint':
        return ctx.checkpoint(JSON.parse(question.json));
      case 'recordFile':
        return recordFile(question.file);
      case 'enqueue': {
        const definition = registry.definitions.get(question.type);
        if (!definition) throw new AppError('UNKNOWN_TYPE', `no job type is called "${question.type}"`);
        const child = await ctx.enqueue(definition, question.input, question.options);
        children.set(child.id, child);
        return child.id;
      }
      case 'waitUntilFinished':
        return children.get(question.child)?.waitUntilFinished();
    }
  };
}
