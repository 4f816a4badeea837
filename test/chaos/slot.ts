import type { Installation, Program, Settings } from '../support/program.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

/** A process that was killed, or whose connections were. */
export interface Kill {
  pid: number;
  at: Date;
}

/** The place of one process: it has a network of its own, and whoever runs there is replaced when it ends. */
export class Slot {
  readonly mode: 'api' | 'worker';
  readonly database: TcpProxy;
  readonly redis: TcpProxy | undefined;
  /** Everyone that ran here, oldest first. */
  readonly programs: Program[] = [];
  readonly kills: Kill[] = [];
  readonly #installation: Installation;
  #isStopping = false;
  #url: string | undefined;

  private constructor(parts: Pick<Slot, 'mode' | 'database' | 'redis'> & { installation: Installation }) {
    this.mode = parts.mode;
    this.database = parts.database;
    this.redis = parts.redis;
    this.#installation = parts.installation;
  }

  static async create(installation: Installation, mode: Slot['mode']): Promise<Slot> {
    const { DATABASE_URL = '', REDIS_URL } = installation.settings;
    const database = await TcpProxy.start(DATABASE_URL);
    const redis = REDIS_URL === undefined ? undefined : await TcpProxy.start(REDIS_URL);
    return new Slot({ mode, database, redis, installation });
  }

  get program(): Program {
    const program = this.programs.at(-1);
    if (!program) throw new Error('nobody was started here yet');
    return program;
  }

  /** Where the process listens; undefined while there is none that is ready. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Starts a process, and another one whenever it ends. @param settings of this process only */
  launch(settings: Settings = {}): Program {
    const { DATABASE_URL = '', REDIS_URL } = this.#installation.settings;
    const program = this.#installation.launch({
      MODE: this.mode,
      DATABASE_URL: this.database.route(DATABASE_URL),
      ...(this.redis && REDIS_URL ? { REDIS_URL: this.redis.route(REDIS_URL) } : {}),
      ...settings,
    });
    this.programs.push(program);
    program.waitForOutput(/ is ready.*?(http:\/\/[^\s"]+)/, 120_000).then(
      ([, url]) => {
        if (program === this.program) this.#url = url;
      },
      () => undefined, // it ended before: the next one follows
    );
    void program.ended.then(() => {
      if (program !== this.program || this.#isStopping) return;
      this.#url = undefined;
      this.launch();
    });
    return program;
  }

  /** Ends the process; the next one follows. @param settings of the next one */
  async replace(signal: 'SIGKILL' | 'SIGTERM', settings: Settings = {}): Promise<void> {
    const { program } = this;
    if (signal === 'SIGKILL') this.kills.push({ pid: program.pid, at: new Date() });
    this.#url = undefined;
    const ended = program.stop(signal);
    this.launch(settings);
    await ended;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.program.stop('SIGTERM');
    await Promise.all([this.database.stop(), this.redis?.stop()]);
  }
}
