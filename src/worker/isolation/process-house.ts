import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findModule } from '../../shared/find-module.ts';
import { endsWithin } from '../../shared/time.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Guest, type GuestHouse, HandlerLostError } from './guest.ts';
import { writeLine } from './program-lines.ts';
import type { GuestMessage, HostMessage, ProgramLine } from './protocol.ts';
import type { IsolationSettings } from './settings.ts';

const STOP_LIMIT_MS = 2000;

/** Child processes, one for each run: what one breaks, no other meets. */
export class ProcessHouse implements GuestHouse {
  readonly #memoryMb: number;
  readonly #log: Logger;
  readonly #entry: string;
  readonly #open = new Map<ChildProcess, Promise<unknown>>();

  constructor({ memoryMb }: IsolationSettings, log: Logger) {
    this.#memoryMb = memoryMb;
    this.#log = log;
    this.#entry = fileURLToPath(findModule(new URL('./process-entry.ts', import.meta.url)) ?? import.meta.url);
  }

  open(): Guest {
    const child = fork(this.#entry, {
      serialization: 'advanced',
      // The last of an option counts, and the program may have been started with one of its own.
      execArgv: [...process.execArgv, `--max-old-space-size=${this.#memoryMb}`],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    let hear: (message: GuestMessage) => void = () => undefined;
    child.on('message', (message) => {
      const said = message as GuestMessage | ProgramLine;
      if (said.kind === 'line') writeLine(this.#log, said);
      else hear(said);
    });
    const gone = this.#watch(child);
    this.#open.set(child, gone);
    return {
      what: 'child process',
      channel: {
        send: (message: HostMessage) => {
          if (child.connected) child.send(message, ignoreLoss);
        },
        listen: (listener) => {
          hear = listener;
        },
      },
      gone: gone.finally(() => this.#open.delete(child)),
      kill: () => void child.kill('SIGKILL'),
    };
  }

  async stop(): Promise<void> {
    for (const child of this.#open.keys()) child.kill('SIGKILL');
    await endsWithin(Promise.all(this.#open.values()), STOP_LIMIT_MS);
  }

  // The line is closed when all that the child said has been read, which may be later than its exit.
  async #watch(child: ChildProcess): Promise<HandlerLostError> {
    try {
      const closed = once(child, 'disconnect');
      const [[code, signal]] = await Promise.all([once(child, 'exit'), closed]);
      return this.#describe(code, signal);
    } catch (cause) {
      return new HandlerLostError('no child process could be started for the handler', { cause });
    }
  }

  #describe(code: number | null, signal: NodeJS.Signals | null): HandlerLostError {
    if (signal === null) return new HandlerLostError(`the handler ended its process with exit code ${code}`);
    const hint =
      signal === 'SIGABRT'
        ? `; so ends also a process that needs more memory than ${this.#memoryMb} MB (THREAD_MEMORY_MB)`
        : '';
    return new HandlerLostError(`the process of the handler was ended by ${signal}${hint}`, { code: signal });
  }
}

// A child that ends while something is sent to it: its end is told by `gone`.
function ignoreLoss(): void {}
