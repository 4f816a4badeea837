import type { ContestantCommands, ContestantName } from '../contestants/commands.ts';
import type { ContestantSettings, Profile } from '../contestants/contestant.ts';
import { RemoteProcess } from '../processes/remote-process.ts';
import { type CpuTimes, readCpuTimes, subtractCpuTimes } from '../servers/cpu.ts';
import type { Servers } from '../servers/servers.ts';

const HOST = new URL('../contestants/host.ts', import.meta.url);
const COMMAND_LIMIT_MS = 90_000;

export interface StageOptions {
  profile?: Profile;
  /** More settings of Longshore. */
  environment?: Record<string, string>;
  /** A database that stays; default: a new one for this run, gone afterwards. */
  database?: string;
  /** What a new one is copied from; default: the contestant's empty schema. */
  template?: string;
  /** Looks at the database after the run; what it throws, the run fails with. */
  check?: (databaseUrl: string) => Promise<void>;
}

/** A process that takes part in a run and ends with it. */
export interface Participant {
  readonly pid: number;
  close(): Promise<void>;
}

/** Where one run takes place: an empty Redis, a database of its own, and the processes that were started for it. */
export interface Stage {
  readonly settings: ContestantSettings;
  readonly database: string;
  /** Starts a process of the contestant. */
  open(): Promise<RemoteProcess<ContestantCommands>>;
  /** Adds another process whose CPU time counts as that of Node. */
  join<Process extends Participant>(process: Process): Process;
  /** Adds a process that only measures. */
  assist<Process extends Participant>(process: Process): Process;
  /** Does something with so many jobs and says what each of them cost, in microseconds. */
  countCpu<Result extends { jobs: number }>(
    work: () => Promise<Result>,
  ): Promise<Result & { cpuUs: CpuTimes | undefined }>;
  /** @throws an Error when the store holds a job that has not finished */
  checkFinished(process: RemoteProcess<ContestantCommands>): Promise<void>;
}

/** Makes stages. A contestant's schema is made once, and copied for each run. */
export class Stages {
  readonly servers: Servers;
  readonly #templates = new Set<ContestantName>();
  #made = 0;

  constructor(servers: Servers) {
    this.servers = servers;
  }

  async on<Value>(name: ContestantName, options: StageOptions, act: (stage: Stage) => Promise<Value>): Promise<Value> {
    const { postgres, redis, webhooks } = this.servers;
    const database = options.database ?? (await this.createDatabase(name, options.template));
    await redis.flush();
    await postgres.checkpoint();
    const settings: ContestantSettings = {
      databaseUrl: postgres.urlOf(database),
      redisUrl: redis.url,
      webhookUrl: `${webhooks.url}/done`,
      profile: options.profile ?? 'throughput',
      environment: options.environment ?? {},
    };
    const measured: Participant[] = [];
    const assisting: Participant[] = [];
    const stage: Stage = {
      settings,
      database,
      async open() {
        const opened = new RemoteProcess<ContestantCommands>(name, HOST, COMMAND_LIMIT_MS);
        measured.push(opened);
        await opened.call('open', name, settings);
        return opened;
      },
      join(process) {
        measured.push(process);
        return process;
      },
      assist(process) {
        assisting.push(process);
        return process;
      },
      async countCpu(work) {
        const processes = { node: measured.map(({ pid }) => pid), redis: redis.pid, postgres: postgres.pid };
        const before = readCpuTimes(processes);
        const result = await work();
        const after = readCpuTimes(processes);
        return { ...result, cpuUs: before && after && perJob(subtractCpuTimes(after, before), result.jobs) };
      },
      async checkFinished(process) {
        const left = await process.call('countUnfinished');
        if (left > 0) throw new Error(`${name}: ${left} jobs have not finished`);
      },
    };
    try {
      const value = await act(stage);
      await options.check?.(settings.databaseUrl);
      return value;
    } finally {
      await Promise.all([...assisting, ...measured].map((process) => process.close()));
      if (options.database === undefined) await postgres.drop(database);
    }
  }

  /** @param template default: the contestant's empty schema */
  async createDatabase(name: ContestantName, template?: string): Promise<string> {
    const empty = `template_${name.replaceAll('-', '_')}`;
    if (template === undefined && !this.#templates.has(name)) await this.#prepare(name, empty);
    const database = `bench_${++this.#made}`;
    await this.servers.postgres.create(database, template ?? empty);
    return database;
  }

  async #prepare(name: ContestantName, template: string): Promise<void> {
    this.#templates.add(name);
    await this.servers.postgres.create(template);
    await this.on(name, { database: template }, async (stage) => void (await stage.open()));
  }
}

function perJob(cpu: CpuTimes, jobs: number): CpuTimes {
  const toUs = (ms: number) => (ms * 1000) / jobs;
  return { node: toUs(cpu.node), redis: toUs(cpu.redis), postgres: toUs(cpu.postgres) };
}
