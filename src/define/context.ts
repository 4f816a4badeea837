import type { JobFiles } from './files.ts';
import type { JobDefinition } from './job.ts';
import type { EnqueueOptions } from './options.ts';
import type { Services } from './services.ts';

export interface JobLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface JobHandle<Output> {
  id: string;
  /**
   * Waits for the other job, holding this job's slot meanwhile.
   * @throws when it ends in anything but `completed`, or when this job is aborted
   */
  waitUntilFinished(): Promise<Output>;
}

export interface JobContext {
  /** Aborts on cancel, on timeout, and when the program stops. */
  readonly signal: AbortSignal;
  /** From 1; runs that were put back do not count. */
  readonly attempt: number;
  readonly job: {
    readonly id: string;
    readonly type: string;
    readonly queue: string;
    readonly tenant: string;
    readonly maxAttempts: number;
    readonly tags: readonly string[];
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly createdAt: Date;
  };
  readonly log: JobLog;
  readonly services: Services;
  /** Files that this job makes, or gets from others. */
  readonly files: JobFiles;
  /** What the last `checkpoint` of any attempt kept; undefined before the first. */
  readonly lastCheckpoint: unknown;
  /**
   * Reports progress. Stored at most every 250 ms; the last one always.
   * @param percent 0 to 100; values outside are clamped
   */
  progress(percent: number, message?: string): void;
  /** Keeps JSON (at most 1 MiB) across attempts; resolves when it is committed. */
  checkpoint(state: unknown): Promise<void>;
  /** Enqueues another job as a child of this one; resolves when it is committed. */
  enqueue<Input, Output>(
    definition: JobDefinition<Input, Output>,
    input: Input,
    options?: EnqueueOptions,
  ): Promise<JobHandle<Output>>;
}
