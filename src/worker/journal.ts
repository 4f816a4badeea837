import type { Signals } from '../queue/signals.ts';
import { SEQ_MAX } from '../store/fence.ts';
import type { LogLevel, LogLine, ProgressReport } from '../store/journal.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';

const FLUSH_MS = 250;
const LINES_PER_FLUSH = 1000;
const LINES_KEPT = 50_000;

/** What one run has said and not yet stored. */
export interface RunJournal {
  log(level: LogLevel, message: string, fields: Record<string, unknown> | null): void;
  progress(percent: number, message: string | null): void;
  /** Stores everything; resolves when it is committed. Costs nothing when there is nothing. */
  flush(): Promise<void>;
}

export interface RunIdentity {
  jobId: string;
  fence: number;
  attempt: number;
}

/** Collects log lines and progress of all runs of a worker and stores them together, at most every 250 ms. */
export class Journal {
  readonly #store: Store;
  readonly #signals: Signals;
  readonly #log: Logger;
  #lines: LogLine[] = [];
  #reports = new Map<string, { run: RunIdentity; percent: number; message: string | null; nextSeq: () => number }>();
  #timer: NodeJS.Timeout | undefined;
  #isDropping = false;
  #flushing: Promise<void> = Promise.resolve();

  constructor(store: Store, signals: Signals, log: Logger) {
    this.#store = store;
    this.#signals = signals;
    this.#log = log;
  }

  open(run: RunIdentity): RunJournal {
    let seq = 0;
    const nextSeq = () => {
      seq = Math.min(seq + 1, SEQ_MAX);
      return seq;
    };
    let isDirty = false;
    return {
      log: (level, message, fields) => {
        isDirty = true;
        if (this.#lines.length >= LINES_KEPT) return this.#warnOfLoss();
        this.#lines.push({ ...run, seq: nextSeq(), level, message, fields, atMs: Date.now() });
        this.#schedule();
      },
      progress: (percent, message) => {
        isDirty = true;
        this.#reports.set(`${run.jobId}/${run.fence}`, { run, percent, message, nextSeq });
        this.#schedule();
      },
      flush: async () => {
        if (!isDirty) return;
        isDirty = false;
        await this.flush();
      },
    };
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(() => this.#write());
    return this.#flushing;
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
  }

  async #write(): Promise<void> {
    const lines = this.#lines;
    const reports = this.#reports;
    this.#lines = [];
    this.#reports = new Map();
    this.#isDropping = false;
    try {
      for (let start = 0; start < lines.length; start += LINES_PER_FLUSH) {
        await this.#store.journal.addLogs(lines.slice(start, start + LINES_PER_FLUSH));
      }
      // Numbered now, after the lines that came before: a reader never sees progress overtake a line.
      const numbered: ProgressReport[] = [...reports.values()].map(({ run, percent, message, nextSeq }) => ({
        jobId: run.jobId,
        fence: run.fence,
        seq: nextSeq(),
        percent,
        message,
      }));
      if (numbered.length > 0) await this.#store.journal.saveProgress(numbered);
      this.#signals.publish('changed', [...new Set([...lines, ...numbered].map((each) => each.jobId))]);
    } catch (error) {
      // Telling of a job must not fail it; the lines are in the program's own log.
      this.#log.warn(`${lines.length} log lines and ${reports.size} progress reports were not stored`, { error });
    }
  }

  // One warning for every batch that is full, not one for every line.
  #warnOfLoss(): void {
    if (this.#isDropping) return;
    this.#isDropping = true;
    this.#log.warn('jobs log faster than lines can be stored; some are dropped');
  }
}
