import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { messageOf } from '../../shared/failure.ts';
import { findModule } from '../../shared/find-module.ts';
import { endsWithin } from '../../shared/time.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Guest, type GuestHouse, HandlerLostError } from './guest.ts';
import { HeapWatch } from './heap-watch.ts';
import { writeLine } from './program-lines.ts';
import type { GuestMessage, HostMessage, ProgramLine } from './protocol.ts';
import type { IsolationSettings } from './settings.ts';

/** Code that JavaScript cannot interrupt keeps a thread from ending. */
const STOP_LIMIT_MS = 2000;
/** V8's own choice is up to a hundred megabytes for each thread, which it gives back late. */
const YOUNG_MB = 16;
/** As Node.js says it. */
const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';

/** Threads that run one handler after the other. */
export class ThreadHouse implements GuestHouse {
  readonly #memoryMb: number;
  readonly #pool: Piscina;
  readonly #heaps: HeapWatch;
  readonly #entry: string | null;

  constructor({ threadsMin, threadsMax, idleMs, memoryMb }: IsolationSettings, log: Logger) {
    this.#memoryMb = memoryMb;
    this.#heaps = new HeapWatch(memoryMb);
    this.#entry = findModule(new URL('./thread-entry.ts', import.meta.url)) ?? null;
    this.#pool = new Piscina({
      minThreads: Math.min(threadsMin, threadsMax),
      maxThreads: threadsMax,
      idleTimeout: idleMs,
      concurrentTasksPerWorker: 1,
      resourceLimits: { maxOldGenerationSizeMb: this.#heaps.hardLimitMb, maxYoungGenerationSizeMb: YOUNG_MB },
      // Else a thread that waits for work stands still, and with it the timers and connections of its services.
      atomics: 'disabled',
    });
    this.#pool.on('message', (line: ProgramLine) => writeLine(log, line));
    this.#pool.on('error', (error) => log.warn('a thread ended that ran no handler', { error }));
  }

  open(): Guest {
    const { port1, port2 } = new MessageChannel();
    const killer = new AbortController();
    let hear: (message: GuestMessage) => void = () => undefined;
    port1.on('message', (message: GuestMessage) => hear(message));
    const place = new Int32Array(new SharedArrayBuffer(4)); // the id of the thread, once it has begun
    let isTooLarge = false;
    const unwatch = this.#heaps.watch({
      find: () => this.#pool.threads.find(({ threadId }) => threadId === place[0]),
      end: () => {
        isTooLarge = true;
        killer.abort();
      },
    });
    const running = this.#pool.run(
      { port: port2, place },
      { filename: this.#entry, name: 'runHandlerInThread', transferList: [port2], signal: killer.signal },
    );
    const toFault = (error?: unknown) => {
      // What was said before the end may come after the news of it.
      for (let said = receiveMessageOnPort(port1); said; said = receiveMessageOnPort(port1)) hear(said.message);
      port1.close();
      unwatch();
      return isTooLarge ? this.#outOfMemory() : this.#describe(error);
    };
    return {
      what: 'thread',
      channel: {
        send: (message: HostMessage) => port1.postMessage(message),
        listen: (listener) => {
          hear = listener;
        },
      },
      gone: running.then(() => toFault(), toFault),
      kill: () => killer.abort(),
    };
  }

  async stop(): Promise<void> {
    await endsWithin(this.#pool.destroy(), STOP_LIMIT_MS);
  }

  #outOfMemory(): HandlerLostError {
    const text = `the handler needed more memory than a thread may have: ${this.#memoryMb} MB (THREAD_MEMORY_MB)`;
    return new HandlerLostError(text, { code: OUT_OF_MEMORY });
  }

  #describe(error: unknown): HandlerLostError {
    const code = (error as { code?: unknown } | undefined)?.code;
    if (code === OUT_OF_MEMORY) return this.#outOfMemory();
    const exit = /worker exited with code: (\d+)/.exec(messageOf(error))?.[1];
    if (exit !== undefined) return new HandlerLostError(`the handler ended its thread with exit code ${exit}`);
    return new HandlerLostError('the thread of the handler was ended', { cause: error });
  }
}
