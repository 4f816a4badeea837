import type { JobResource } from '../contract/job.ts';
import { isTerminal } from '../contract/job-status.ts';
import { pause } from '../shared/time.ts';
import type { Connection } from './connection.ts';
import { WaitTimeoutError } from './errors.ts';
import { demandSuccess } from './job-errors.ts';
import { createPatience } from './patience.ts';

export interface WaitOptions {
  /** Until the job has ended; the job goes on. */
  timeoutMs?: number | undefined;
  /** Ends the waiting, not the job. */
  signal?: AbortSignal | undefined;
  /** Throws unless the job completes. */
  throwOnFailure?: boolean | undefined;
}

/** Short enough for the proxies on the way, long enough to cost nothing. */
const HOLD_SECONDS = 25;
const PAUSE_MS = 500;
const GIVE_UP_AFTER_MS = 60_000;

/** Long polling until the job has ended. */
export async function waitForJob(
  connection: Connection,
  path: string,
  options: WaitOptions = {},
): Promise<JobResource> {
  const job = await pollUntilEnd(connection, path, options);
  if (options.throwOnFailure) demandSuccess(job);
  return job;
}

async function pollUntilEnd(
  connection: Connection,
  path: string,
  { timeoutMs = Number.POSITIVE_INFINITY, signal }: WaitOptions,
): Promise<JobResource> {
  const deadlineMs = Date.now() + timeoutMs;
  const patience = createPatience(connection, { giveUpAfterMs: Math.min(timeoutMs, GIVE_UP_AFTER_MS), signal });
  for (;;) {
    const askedAtMs = Date.now();
    // The first answer only tells that there is a server: one that restarts meanwhile must not look like none.
    const holdSeconds = connection.hasAnswered ? HOLD_SECONDS : 0;
    const waitSeconds = Math.max(0, Math.min(holdSeconds, Math.floor((deadlineMs - askedAtMs) / 1000)));
    try {
      const job = await connection.requestJson<JobResource>(path, {
        query: { wait: waitSeconds },
        heldMs: waitSeconds * 1000,
        retries: 0, // patience does that
        signal,
      });
      patience.recordAnswer();
      if (isTerminal(job.status)) return job;
      const leftMs = deadlineMs - Date.now();
      if (leftMs <= 0) throw new WaitTimeoutError(job, timeoutMs);
      // A server that does not hold the request must not be asked in a tight loop.
      if (holdSeconds > 0 && Date.now() - askedAtMs < PAUSE_MS) await pause(Math.min(PAUSE_MS, leftMs), signal);
    } catch (error) {
      signal?.throwIfAborted();
      await patience.endure(error);
    }
    signal?.throwIfAborted();
  }
}
