import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import type { JobOptionsInput } from '../../src/contract/enqueue.ts';
import { type AttemptResource, isTerminal, type JobResource, type JobStatus } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { Child } from './child.ts';
import { runWhenOrphaned } from './orphan-guard.ts';
import { createDataDir, createTestDatabase } from './postgres.ts';
import { waitFor } from './wait-for.ts';

export const BIN = fileURLToPath(new URL('../../bin/longshore.js', import.meta.url));
/** The jobs of the tests, for programs that run as processes of their own. */
export const TEST_JOBS_DIR = fileURLToPath(new URL('./jobs', import.meta.url));

/** As in the environment. An empty value counts as unset. */
export type Settings = Record<string, string>;

export interface Answer<Body> {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON, else the text. */
  body: Body;
}

export interface Call {
  method?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  text?: string;
  headers?: Record<string, string>;
}

/** `longshore start` as a process of its own. */
export class Program extends Child {
  #url: string | undefined;

  /** Where it listens; known once it is ready. */
  get url(): string {
    if (this.#url === undefined) throw new Error('wait until the program is ready');
    return this.#url;
  }

  /** Its whole log lines so far. Needs LOG_FORMAT=json, which is the tests' default. */
  get log(): Record<string, unknown>[] {
    return this.output
      .split('\n')
      .slice(0, -1) // of the last line perhaps only the beginning has been read
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }

  async waitUntilReady(): Promise<this> {
    const [, url] = await this.waitForOutput(/ is ready.*?(http:\/\/[^\s"]+)/, 30_000);
    this.#url = url;
    await waitFor(async () => (await fetch(`${url}/health/ready`)).ok, { describe: 'GET /health/ready answers 200' });
    return this;
  }

  async call<Body = unknown>(path: string, { json, text, method, headers }: Call = {}): Promise<Answer<Body>> {
    const body = json === undefined ? text : JSON.stringify(json);
    const response = await fetch(this.url + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const received = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && received !== '';
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(received) : received };
  }

  /** Enqueues a job, which must be accepted. */
  async enqueue(type: string, input: unknown, options?: JobOptionsInput): Promise<JobResource> {
    const { status, body } = await this.call<JobResource>('/v1/jobs', { json: { type, input, options } });
    if (status !== 202) throw new Error(`POST /v1/jobs answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  async job(id: string): Promise<JobResource> {
    const { status, body } = await this.call<JobResource>(`/v1/jobs/${id}`);
    if (status !== 200) throw new Error(`GET /v1/jobs/${id} answered ${status}`);
    return body;
  }

  /** How each run of a job ended, oldest first. */
  async outcomes(id: string): Promise<string[]> {
    const { items } = (await this.call<Page<AttemptResource>>(`/v1/jobs/${id}/attempts`)).body;
    return items.map(({ outcome }) => outcome);
  }

  /** Waits until a job has ended. */
  jobEnded(id: string, timeoutMs = 20_000): Promise<JobResource> {
    return this.#until(id, 'has ended', ({ status }) => isTerminal(status), timeoutMs);
  }

  /** Waits until a job has a status. */
  jobIs(id: string, wanted: JobStatus, timeoutMs = 20_000): Promise<JobResource> {
    return this.#until(id, `is ${wanted}`, ({ status }) => status === wanted, timeoutMs);
  }

  async #until(
    id: string,
    what: string,
    holds: (job: JobResource) => boolean,
    timeoutMs: number,
  ): Promise<JobResource> {
    const look = async () => {
      const job = await this.job(id);
      return holds(job) ? job : undefined;
    };
    return waitFor(look, { describe: `job ${id} ${what}`, timeoutMs, intervalMs: 40 }).catch(async (error: unknown) => {
      const last = await this.job(id).catch(String);
      throw new Error(`${String(error)}\njob: ${JSON.stringify(last)}\noutput:\n${this.output.slice(-4000)}`);
    });
  }
}

export interface InstallationOptions {
  /** With `bullmq` the programs get the Redis of the test run. */
  transport?: TransportName;
  /** Leaves DATABASE_URL unset. */
  isEmbedded?: boolean;
  /** Default: a database of its own in the PostgreSQL of the test run. */
  databaseUrl?: string;
  /** For every program. */
  settings?: Settings;
}

const KILL_AND_REMOVE = `
  for note in "$1"/pids/*; do test -e "$note" && kill -9 -- "$(basename "$note")"; done
  rm -rf "$1"`;

/** A database, a Redis prefix and a folder of their own, and the programs that run on them. */
export class Installation {
  /** The current folder of its programs. */
  readonly folder: string;
  readonly prefix: string;
  readonly settings: Settings;
  readonly #children = new Set<Child>();
  #gates = 0;
  readonly #cleanUp: () => Promise<void>;

  private constructor(parts: { folder: string; prefix: string; settings: Settings; cleanUp: () => Promise<void> }) {
    this.folder = parts.folder;
    this.prefix = parts.prefix;
    this.settings = parts.settings;
    this.#cleanUp = parts.cleanUp;
  }

  static async create(options: InstallationOptions = {}): Promise<Installation> {
    const { transport, isEmbedded, databaseUrl, settings } = options;
    const folder = await createFolder();
    const dataDir = isEmbedded ? await createDataDir() : undefined;
    const database = isEmbedded || databaseUrl !== undefined ? undefined : await createTestDatabase();
    const url = databaseUrl ?? database?.url;
    const prefix = `t${randomBytes(4).toString('hex')}`;
    return new Installation({
      folder: folder.path,
      prefix,
      settings: {
        PORT: '0',
        LOG_FORMAT: 'json',
        JOBS_DIR: TEST_JOBS_DIR,
        QUEUE_PREFIX: prefix,
        DATA_DIR: dataDir?.path ?? join(folder.path, 'data'),
        ...(url === undefined ? {} : { DATABASE_URL: url }),
        ...(transport === 'bullmq' ? { REDIS_URL: inject('redisUrl') } : {}),
        ...settings,
      },
      cleanUp: async () => {
        await folder.remove();
        await Promise.all([dataDir?.remove(), database?.drop()]);
      },
    });
  }

  /** The path of a gate of its own: a job `test:gate` runs until there is a file. */
  nextGate(): string {
    this.#gates += 1;
    return join(this.folder, `gate-${this.#gates}`);
  }

  /** Starts a program and waits until it is ready. */
  start(settings: Settings = {}): Promise<Program> {
    return this.launch(settings).waitUntilReady();
  }

  /** Starts a program and waits for nothing. */
  launch(settings: Settings = {}): Program {
    const env = { ...baseEnvironment(), ...this.settings, ...settings };
    const program = new Program(process.execPath, [BIN, 'start'], { cwd: this.folder, env });
    this.watchOver(program);
    return program;
  }

  /** Ends a process with this installation, or with the test run if that is killed. */
  watchOver(child: Child): void {
    this.#children.add(child);
    const note = join(this.folder, 'pids', String(child.isGroup ? -child.pid : child.pid));
    writeFileSync(note, '');
    child.ended.finally(() => rmSync(note, { force: true })); // the number may belong to another process soon
  }

  /** Kills what still runs and removes everything. */
  async remove(): Promise<void> {
    await Promise.all([...this.#children].map((child) => child.stop('SIGKILL')));
    await this.#cleanUp();
  }
}

/** What every program needs, whatever its settings. */
export function baseEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}

/** A temporary folder, gone with this process at the latest, and with it the processes noted in `pids`. */
export async function createFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-e2e-'));
  await chmod(path, 0o755);
  mkdirSync(join(path, 'pids'));
  return { path, remove: runWhenOrphaned(KILL_AND_REMOVE, path).runNow };
}
