import type { JobContext, JobLog } from '../../define/context.ts';
import type { EnqueueOptions } from '../../define/options.ts';
import type { ServiceSettings } from '../../services/open-services.ts';
import type { FileRecord, JobFilesOptions } from '../../storage/job-files.ts';
import type { StorageSettings } from '../../storage/storage-settings.ts';
import type { AbortReason } from '../run-aborted.ts';
import type { Thrown } from './thrown.ts';

/*
 * What worker ("host") and thread or child process ("guest") say to each other about one run. Everything is structured-cloned.
 * The guest's last message of a run is `returned`, `threw` or `crashed`; nothing that it says later counts.
 */

export type HostMessage =
  /** The first. */
  | { kind: 'run'; task: Task }
  | { kind: 'abort'; why: AbortReason }
  | { kind: 'answer'; call: number; value: unknown }
  | { kind: 'refusal'; call: number; error: Thrown };

export type GuestMessage =
  /** The handler is loaded and begins now. */
  | { kind: 'started' }
  | { kind: 'progress'; percent: number; message: string | undefined }
  | { kind: 'log'; level: keyof JobLog; message: string; fields: Record<string, unknown> | undefined; error?: Thrown }
  | { kind: 'call'; call: number; question: Question }
  | { kind: 'returned'; output: unknown }
  | { kind: 'threw'; error: Thrown }
  /** Something was thrown that nobody caught; the guest ends. */
  | { kind: 'crashed'; error: Thrown };

/** What the guest asks; answered under the number of its call. */
export type Question =
  | { kind: 'checkpoint'; json: string }
  /** A file that is about to appear. */
  | { kind: 'recordFile'; file: FileRecord }
  /** Answered with the id of the child. */
  | { kind: 'enqueue'; type: string; input: unknown; options: EnqueueOptions }
  /** Answered with the output of the child. */
  | { kind: 'waitUntilFinished'; child: string };

/** A line for the program's own log, about no run that is open. */
export interface ProgramLine {
  kind: 'line';
  level: keyof JobLog;
  message: string;
  fields: Record<string, unknown>;
  error?: Thrown;
}

/** All that a handler needs, as plain data. */
export interface Task {
  /** The URL of the module; it exists. */
  handlerFile: string;
  /** What the input's schema made of it. */
  input: unknown;
  attempt: number;
  job: JobContext['job'];
  lastCheckpoint: unknown;
  files: Omit<JobFilesOptions, 'signal' | 'record'>;
  settings: GuestSettings;
}

/** What a guest opens services of its own with. */
export interface GuestSettings {
  services: ServiceSettings;
  storage: StorageSettings;
  /** Where `services.ts` may be. */
  jobsDir: string;
  databaseUrl: string;
  /** Of checkpoints. */
  maxOutputBytes: number;
}

/** One end of the line between host and guest. */
export interface Channel<Sent, Received> {
  /** @throws DataCloneError for what cannot be sent */
  send(message: Sent): void;
  listen(hear: (message: Received) => void): void;
}

export type HostChannel = Channel<HostMessage, GuestMessage>;
export type GuestChannel = Channel<GuestMessage, HostMessage>;
