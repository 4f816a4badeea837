import { deliveryOf } from '../store/fence.ts';
import type { JobRow } from '../store/job-row.ts';
import type { RunKey } from '../store/jobs.ts';
import { type AbortReason, RunAborted } from './run-aborted.ts';

interface OpenRun {
  job: JobRow;
  abort: AbortController;
  startedAtMs: number;
}

/** The runs that are open in this worker, by job. */
export class RunningJobs {
  readonly #runs = new Set<OpenRun>();
  readonly #held = new Set<RunKey>();
  #handlers = 0;
  #onHandlersGone: () => void = () => {};
  #isClosed = false;

  get count(): number {
    return this.#runs.size;
  }

  /** Whether the program stops waiting for anything. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Runs from their start to the record of their end: longer than their handlers run. */
  get held(): RunKey[] {
    return [...this.#held];
  }

  /** Whether a run of the same delivery of the job is open here. */
  holds({ id, fence }: RunKey): boolean {
    return this.held.some((run) => run.id === id && deliveryOf(run.fence) === deliveryOf(fence));
  }

  /** @returns a function to call when the end has been recorded */
  hold({ id, fence }: RunKey): () => void {
    const key = { id, fence };
    this.#held.add(key);
    return () => this.#held.delete(key);
  }

  /** @returns a function to call when the run has ended */
  open(job: JobRow, abort: AbortController): () => void {
    const run = { job, abort, startedAtMs: Date.now() };
    this.#runs.add(run);
    if (this.#isClosed) abort.abort(new RunAborted('shutdown'));
    return () => this.#runs.delete(run);
  }

  /** Counts a handler that was called: it may go on after its run has ended. @param returned never rejects */
  track(returned: Promise<unknown>): void {
    this.#handlers += 1;
    void returned.then(() => {
      this.#handlers -= 1;
      if (this.#handlers === 0) this.#onHandlersGone();
    });
  }

  /** Resolves when no handler is under way. */
  handlersGone(): Promise<void> {
    if (this.#handlers === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onHandlersGone = resolve;
    });
  }

  abort(ids: readonly string[], why: AbortReason): void {
    for (const run of this.#runs) if (ids.includes(run.job.id)) run.abort.abort(new RunAborted(why));
  }

  /** Aborts those of `asked` that are not among `open`. Runs that began since the question are left alone. */
  abortAllBut(asked: readonly RunKey[], open: readonly RunKey[]): void {
    const isOpen = new Set(open.map(keyOf));
    const ended = new Set(asked.map(keyOf).filter((key) => !isOpen.has(key)));
    for (const run of this.#runs) if (ended.has(keyOf(run.job))) run.abort.abort(new RunAborted('superseded'));
  }

  /** Aborts every run, and every run that is still to come. */
  close(): void {
    this.#isClosed = true;
    for (const run of this.#runs) run.abort.abort(new RunAborted('shutdown'));
  }

  list(): { jobId: string; type: string; fence: number; runningMs: number }[] {
    const now = Date.now();
    return [...this.#runs].map(({ job, startedAtMs }) => ({
      jobId: job.id,
      type: job.type,
      fence: job.fence,
      runningMs: now - startedAtMs,
    }));
  }
}

function keyOf({ id, fence }: RunKey): string {
  return `${id}/${fence}`;
}
