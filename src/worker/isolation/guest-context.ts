import type { JobContext, JobHandle, JobLog } from '../../define/context.ts';
import type { JobFiles } from '../../define/files.ts';
import type { JobDefinition } from '../../define/job.ts';
import type { EnqueueOptions } from '../../define/options.ts';
import type { Services } from '../../define/services.ts';
import { encodeJson } from '../../shared/json.ts';
import { clampPercent, toStorableFields, toText } from '../storable.ts';
import type { GuestMessage, Question, Task } from './protocol.ts';
import { LineBudget, ProgressReporter } from './restraint.ts';
import { pack } from './thrown.ts';

export interface GuestContextOptions {
  signal: AbortSignal;
  services: Services;
  files: JobFiles;
  tell: (message: GuestMessage) => void;
  /** Rejects with what the host refuses it with. */
  ask: (question: Question) => Promise<unknown>;
}

export interface GuestContext {
  ctx: JobContext;
  /** Says what is held back; to be called before the end. */
  flush(): void;
}

/** What a handler gets beside its input, where the worker is at the other end of a line. */
export function createGuestContext(task: Task, options: GuestContextOptions): GuestContext {
  const { signal, services, files, tell, ask } = options;
  const { attempt, job, lastCheckpoint, settings } = task;
  const reporter = new ProgressReporter(tell);
  const ctx: JobContext = {
    signal,
    attempt,
    job,
    log: createGuestLog(tell),
    services,
    files,
    lastCheckpoint,
    progress(percent, message) {
      const text = message === undefined ? undefined : toText(message);
      reporter.report({ kind: 'progress', percent: clampPercent(percent), message: text });
    },
    async checkpoint(state) {
      signal.throwIfAborted();
      const encoded = encodeJson(state, settings.maxOutputBytes);
      if (!encoded.ok) throw new TypeError(`the checkpoint ${encoded.fault}`);
      await ask({ kind: 'checkpoint', json: encoded.json });
    },
    enqueue: async <Input, Output>(
      { type }: JobDefinition<Input, Output>,
      input: Input,
      enqueueOptions: EnqueueOptions = {},
    ) => {
      signal.throwIfAborted();
      const id = (await ask({ kind: 'enqueue', type, input, options: enqueueOptions })) as string;
      return createHandle<Output>(id, ask);
    },
  };
  return { ctx, flush: () => reporter.flush() };
}

function createHandle<Output>(id: string, ask: GuestContextOptions['ask']): JobHandle<Output> {
  return { id, waitUntilFinished: async () => (await ask({ kind: 'waitUntilFinished', child: id })) as Output };
}

function createGuestLog(tell: GuestContextOptions['tell']): JobLog {
  const say = (level: keyof JobLog, message: string, fields?: Record<string, unknown>) =>
    tell({
      kind: 'log',
      level,
      message: toText(message),
      fields: fields && toStorableFields(fields),
      ...(fields?.error instanceof Error ? { error: pack(fields.error) } : {}),
    });
  const budget = new LineBudget((message) => say('warn', message));
  const write = (level: keyof JobLog) => (message: string, fields?: Record<string, unknown>) => {
    if (budget.take()) say(level, message, fields);
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
