import { enqueueSchema } from '../contract/enqueue.ts';
import { isTerminal } from '../contract/job.ts';
import type { JobContext, JobHandle, JobLog } from '../define/context.ts';
import type { JobDefinition } from '../define/job.ts';
import type { EnqueueOptions } from '../define/options.ts';
import type { PipelineJobContext } from '../define/pipeline.ts';
import type { Services } from '../define/services.ts';
import type { Engine } from '../engine/engine.ts';
import { enqueueJob } from '../engine/enqueue.ts';
import { waitForJob } from '../engine/inquire.ts';
import { encodeJson } from '../shared/json.ts';
import { createJobFiles, type FileRecord, type RunFiles } from '../storage/job-files.ts';
import type { JobRow } from '../store/job-row.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { RunJournal } from './journal.ts';
import type { PipelineRun } from './pipeline-run.ts';
import { clampPercent, toStorableFields, toText } from './storable.ts';

export interface ContextOptions {
  engine: Engine;
  job: JobRow;
  services: Services;
  signal: AbortSignal;
  journal: RunJournal;
  log: Logger;
  files: RunFiles;
  /** Where the handler calls steps. */
  pipeline: PipelineRun | undefined;
}

/** Progress goes into the log at most this often for a run; all of it at level debug. */
const PROGRESS_LOG_MS = 1000;
const WAIT_SLICE_MS = 60_000;

/** What a handler gets beside its input. */
export function createJobContext(options: ContextOptions): JobContext | PipelineJobContext {
  const { engine, job, signal, pipeline } = options;
  return {
    ...(pipeline ? { step: pipeline.step } : {}),
    signal,
    attempt: job.attempt,
    job: {
      id: job.id,
      type: job.type,
      queue: job.queue,
      tenant: job.tenant,
      maxAttempts: job.maxAttempts,
      tags: job.tags,
      metadata: job.metadata,
      createdAt: job.createdAt,
    },
    log: createJobLog(options),
    services: options.services,
    files: options.files,
    lastCheckpoint: job.checkpoint ?? undefined,
    progress: createProgress(options),
    checkpoint: async (state) => {
      signal.throwIfAborted();
      const encoded = encodeJson(state, engine.settings.maxOutputBytes);
      if (!encoded.ok) throw new TypeError(`the checkpoint ${encoded.fault}`);
      const isNewest = await engine.store.jobs.saveCheckpoint(job.id, job.fence, encoded.json);
      if (!isNewest) throw new Error('the checkpoint was refused: this run is no longer the newest of its job');
    },
    enqueue: (definition, input, enqueueOptions) => enqueueChild(options, definition, input, enqueueOptions ?? {}),
  };
}

/** The files of a run, which the caller closes at its end. */
export function createRunFiles(engine: Engine, job: JobRow, signal: AbortSignal): RunFiles {
  return createJobFiles(engine.storage, {
    publicUrl: engine.settings.publicUrl,
    job: { id: job.id, tenant: job.tenant },
    run: job.fence,
    signal,
    record: createFileRecorder(engine, job),
  });
}

/** What keeps a file's expiry when it is about to appear; it throws for a run that is not the newest of its job. */
export function createFileRecorder(engine: Engine, job: JobRow): (file: FileRecord) => Promise<void> {
  return async (file) => {
    const isNewest = await engine.store.files.noteMade({ ...file, id: job.id, fence: job.fence });
    if (!isNewest) throw new Error(`${file.name} was refused: this run is no longer the newest of its job`);
  };
}

function createJobLog({ journal, log, pipeline }: ContextOptions): JobLog {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: Record<string, unknown>) => {
    const text = toText(message);
    if (pipeline?.hasSaid(level, text)) return;
    const storable = fields ? toStorableFields(fields) : null;
    const error = fields?.error instanceof Error ? { error: fields.error } : {};
    // Below `fields`, so that a job cannot overwrite what says whose line it is; as JSON, since a logger may throw at else.
    log[level](text, storable === null ? error : { fields: storable, ...error });
    journal.log(level, text, storable);
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

function createProgress({ journal, log }: ContextOptions): JobContext['progress'] {
  let loggedAtMs = 0;
  return (percent, message) => {
    const clamped = clampPercent(percent);
    const text = message === undefined ? null : toText(message);
    journal.progress(clamped, text);
    const now = Date.now();
    const isDue = now - loggedAtMs >= PROGRESS_LOG_MS;
    if (isDue) loggedAtMs = now;
    log[isDue ? 'info' : 'debug'](`progress ${Math.round(clamped)} %${text ? ` ${text}` : ''}`);
  };
}

async function enqueueChild<Input, Output>(
  { engine, job, signal }: ContextOptions,
  definition: JobDefinition<Input, Output>,
  input: Input,
  options: EnqueueOptions,
): Promise<JobHandle<Output>> {
  signal.throwIfAborted();
  const caller = { scope: { tenant: job.tenant }, actor: `job ${job.id}` };
  const request = enqueueSchema.parse({ type: definition.type, input, options });
  const { job: child } = await enqueueJob(engine, caller, request, { parentId: job.id });
  return {
    id: child.id,
    async waitUntilFinished() {
      for (;;) {
        const now = await waitForJob(engine, caller, child.id, WAIT_SLICE_MS, signal);
        signal.throwIfAborted();
        if (now.status === 'completed') return now.output as Output;
        if (isTerminal(now.status)) {
          throw new Error(
            `job ${child.id} (${child.type}) ended as ${now.status}: ${now.error?.message ?? now.reason ?? 'no error'}`,
          );
        }
      }
    },
  };
}
