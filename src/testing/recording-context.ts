import { tmpdir } from 'node:os';
import type { KnownDefinitions } from '../define/check-input.ts';
import type { JobContext, JobHandle, JobLog } from '../define/context.ts';
import type { CreateFileOptions, JobFiles, StoredFile } from '../define/files.ts';
import type { JobDefinition } from '../define/job.ts';
import type { EnqueueOptions } from '../define/options.ts';
import type { PipelineJobContext } from '../define/pipeline.ts';
import type { RegistryOptions } from '../define/registry.ts';
import type { Services } from '../define/services.ts';
import { createId } from '../shared/ids.ts';
import { createJobFiles } from '../storage/job-files.ts';
import { createLocalStorage } from '../storage/local-storage.ts';
import { keepJson } from './keep-json.ts';
import { createRecordingStep } from './recording-step.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

export interface RecordingOptions {
  /** What the handler uses of `ctx.services`; using one that is not given throws. */
  services?: Partial<Services>;
  /** The queries and connectors that inputs may name, for `checkInput`; default: none. */
  known?: Pick<RegistryOptions, 'queries' | 'connectors'>;
  /** Default 1. */
  attempt?: number;
  /** What an earlier attempt kept with `ctx.checkpoint`. */
  lastCheckpoint?: unknown;
  signal?: AbortSignal;
  job?: Partial<JobContext['job']>;
  /**
   * Where `ctx.files` keeps files; absolute. Default: a temporary folder that goes when the process ends, or, where its
   * test runner kills it, a day later.
   */
  storageDir?: string;
  /** Answers a step, or `waitUntilFinished()` of a child, with its output, or throws as a job that failed. */
  children?: (child: EnqueuedChild) => unknown;
  /** What `step.waitForEvent` gets, by the names of the events; others time out. */
  events?: Readonly<Record<string, unknown>>;
}

export interface ProgressReport {
  percent: number;
  message?: string;
}

export interface LogLine {
  level: keyof JobLog;
  message: string;
  fields?: Record<string, unknown>;
}

export interface EnqueuedChild {
  id: string;
  type: string;
  input: unknown;
  options: EnqueueOptions;
}

/** A file that `ctx.files.create` has made. */
export interface RecordedFile extends StoredFile, CreateFileOptions {
  /** Where it lies, absolute. */
  path: string;
}

/** What a handler did, in order. */
export interface Recording {
  progress: ProgressReport[];
  logs: LogLine[];
  checkpoints: unknown[];
  enqueued: EnqueuedChild[];
  files: RecordedFile[];
}

/** A context that keeps what a handler does, and lets it do nothing else. */
export function createRecordingContext(
  definition: Pick<JobDefinition, 'type' | 'queue' | 'attempts' | 'isPipeline'>,
  known: KnownDefinitions,
  options: RecordingOptions,
): { ctx: JobContext | PipelineJobContext; recording: Recording } {
  const recording: Recording = { progress: [], logs: [], checkpoints: [], enqueued: [], files: [] };
  const signal = options.signal ?? new AbortController().signal;
  const job = {
    id: createId(),
    type: definition.type,
    queue: definition.queue.name,
    tenant: 'default',
    maxAttempts: definition.attempts,
    tags: [],
    metadata: {},
    createdAt: new Date(),
    ...options.job,
  };
  const { children, events = {} } = options;
  const ctx: JobContext = {
    ...(definition.isPipeline ? { step: createRecordingStep(recording.enqueued, { children, events, known }) } : {}),
    signal,
    attempt: options.attempt ?? 1,
    job,
    log: createLog(recording.logs),
    services: createServices(options.services ?? {}),
    files: createFiles(recording.files, { storageDir: options.storageDir, job, signal }),
    lastCheckpoint: options.lastCheckpoint,
    progress(percent, message) {
      const clamped = Math.min(100, Math.max(0, percent));
      recording.progress.push(message === undefined ? { percent: clamped } : { percent: clamped, message });
    },
    async checkpoint(state) {
      recording.checkpoints.push(keepJson('the checkpoint', state));
    },
    async enqueue(child, input, childOptions = {}) {
      const enqueued = { id: createId(), type: child.type, input: keepJson('the input', input), options: childOptions };
      recording.enqueued.push(enqueued);
      return createHandle(enqueued, children);
    },
  };
  return { ctx, recording };
}

function createLog(lines: LogLine[]): JobLog {
  const write = (level: LogLine['level']) => (message: string, fields?: Record<string, unknown>) => {
    lines.push(fields === undefined ? { level, message } : { level, message, fields });
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function createServices(given: Partial<Services>): Services {
  return new Proxy(given, {
    get(services, name, receiver) {
      if (name in services || typeof name === 'symbol') return Reflect.get(services, name, receiver);
      throw new Error(`the handler used ctx.services.${name}; give runJob(…, …, { services: { ${name}: … } })`);
    },
  }) as Services;
}

function createFiles(
  made: RecordedFile[],
  { storageDir, job, signal }: { storageDir: string | undefined; job: JobContext['job']; signal: AbortSignal },
): JobFiles {
  const open = () => {
    const storage = createLocalStorage({ kind: 'local', dir: storageDir ?? findTemporaryFolder() });
    const record = async () => undefined; // nothing expires here
    return { storage, files: createJobFiles(storage, { publicUrl: undefined, job, run: 1, signal, record }) };
  };
  return {
    isLocal: true,
    async create(name, content, options = {}) {
      const { storage, files } = open();
      const file = await files.create(name, content, options);
      const path = (await storage.findPath({ tenant: job.tenant, id: job.id, name })) ?? '';
      made.push({ ...file, ...options, path });
      return file;
    },
    locate: async (keyOrUrl) => open().files.locate(keyOrUrl),
    open: async (keyOrUrl) => open().files.open(keyOrUrl),
  };
}

let temporaryFolder: string | undefined;

// One for all runs, so that a job can locate what another one has made.
function findTemporaryFolder(): string {
  temporaryFolder ??= makeTemporaryFolder(tmpdir());
  return temporaryFolder;
}

function createHandle<Output>(child: EnqueuedChild, answer: RecordingOptions['children']): JobHandle<Output> {
  return {
    id: child.id,
    async waitUntilFinished() {
      if (answer) return (await answer(child)) as Output;
      throw new Error(`the handler waits for ${child.type}; give runJob(…, …, { children: (child) => its output })`);
    },
  };
}
