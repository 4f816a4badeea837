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

/** One run of a handler in a guest, as the worker sees it: does for the handler what that asks of its context. */
export class HostRun {
  /** What the handler returned. Rejects with what it threw, or with a {@link HandlerLostError}. */
  readonly result: Promise<unknown>;
  /** Resolves when the guest runs nothing any more: by force, if it does not end {@link GRACE_MS} after it should have. */
  readonly over: Promise<void>;
  readonly #guest: Guest;
  readonly #ctx: JobContext;
  readonly #options: HostRunOptions;
  readonly #answer: (question: Question) => Promise<unknown>;
  readonly #end = Promise.withResolvers<unknown>();
  readonly #onAbort = () => this.#tellAbort();
  /** Until the guest begins, the limit of that; from the end of the run, or its abort, the grace. */
  #timer: NodeJS.Timeout;
  #isOpen = true;

  /** Begins it. */
  constructor(guest: Guest, task: Task, ctx: JobContext, options: HostRunOptions) {
    this.#guest = guest;
    this.#ctx = ctx;
    this.#options = options;
    this.#answer = createAnswerer(ctx, options);
    this.#timer = setTimeout(() => this.#giveUp(), START_LIMIT_MS);
    this.result = this.#end.promise;
    this.over = guest.gone.then((fault) => this.#close(fault));
    guest.channel.listen((message) => {
      if (this.#isOpen) this.#hear(message);
    });
    ctx.signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#begin(task);
  }

  #begin(task: Task): void {
    try {
      this.#guest.channel.send({ kind: 'run', task });
    } catch (cause) {
      const text = `the input cannot be sent to a ${this.#guest.what}: ${messageOf(cause)}`;
      this.#fail(new NonRetryableError(text, { cause }));
      this.#guest.kill();
    }
  }

  #hear(message: GuestMessage): void {
    switch (message.kind) {
      case 'started':
        this.#noteStart();
        break;
      case 'progress':
        this.#ctx.progress(message.percent, message.message);
        break;
      case 'log':
        this.#ctx.log[message.level](message.message, readFields(message));
        break;
      case 'call':
        void this.#reply(message.call, message.question);
        break;
      case 'returned':
        this.#settle();
        this.#end.resolve(message.output);
        break;
      case 'threw':
        this.#fail(unpack(message.error));
        break;
      case 'crashed':
        this.#fail(describeCrash(unpack(message.error)));
        break;
    }
  }

  async #reply(call: number, question: Question): Promise<void> {
    const { channel } = this.#guest;
    try {
      channel.send({ kind: 'answer', call, value: await this.#answer(question) });
    } catch (error) {
      channel.send({ kind: 'refusal', call, error: pack(error) });
    }
  }

  #noteStart(): void {
    if (this.#ctx.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#options.onStarted();
  }

  #tellAbort(): void {
    this.#guest.channel.send({ kind: 'abort', why: whyAborted(this.#ctx.signal) });
    this.#limit('its handler was told to stop');
  }

  /** What the guest says from now on is not heard. */
  #settle(): void {
    this.#isOpen = false;
    this.#ctx.signal.removeEventListener('abort', this.#onAbort);
    this.#limit('its handler ended');
  }

  #fail(fault: unknown): void {
    this.#settle();
    this.#end.reject(fault);
  }

  #limit(event: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const { id: jobId, type, queue } = this.#ctx.job;
      const text = `a ${this.#guest.what} was ended by force: ${event} ${GRACE_MS / 1000} s ago`;
      this.#options.log.warn(text, { jobId, type, queue });
      this.#guest.kill();
    }, GRACE_MS);
  }

  #giveUp(): void {
    this.#fail(new HandlerLostError(`the handler did not begin within ${START_LIMIT_MS / 1000} s`));
    this.#guest.kill();
  }

  #close(fault: HandlerLostError): void {
    if (this.#isOpen) this.#fail(fault);
    clearTimeout(this.#timer);
  }
}

function describeCrash(cause: unknown): HandlerLostError {
  return new HandlerLostError(`the handler threw where nobody caught it: ${messageOf(cause)}`, { cause });
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
