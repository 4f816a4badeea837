import { createPatience } from '../client/patience.ts';
import { type JobsClient, LongshoreError, ServerUnreachableError } from '../client.ts';
import { pause } from '../shared/time.ts';
import type { Chunk, ChunkJob, RejectedLine } from './bulk-chunks.ts';

export interface ChunkResult {
  accepted: number;
  deduplicated: number;
  rejected: RejectedLine[];
}

export interface ChunkSender {
  /**
   * Enqueues the jobs of a chunk, once however often it is called with the same key. Waits where the server is away,
   * busy or asks for it.
   * @throws what does not pass; the signal's reason
   */
  send(chunk: Chunk, key: string): Promise<ChunkResult>;
}

export interface SenderOptions {
  signal: AbortSignal;
  /** A server that is expected to come back; the first one that never answered is not. */
  onWait(error: unknown): void;
}

/** Waits through a restart or a limit of a few minutes; a limit of a day is for the person to know. */
const GIVE_UP_AFTER_MS = 10 * 60_000;
const IN_FLIGHT_PAUSE_MS = 500;
/** Of the first call: a server that never answers is a wrong address rather than one that is away. */
const FIRST_RETRIES = 3;

export function createChunkSender(
  jobs: Pick<JobsClient, 'createMany'>,
  { signal, onWait }: SenderOptions,
): ChunkSender {
  const connection = { hasAnswered: false };
  const patience = createPatience(connection, { giveUpAfterMs: GIVE_UP_AFTER_MS, signal });

  async function sendJobs(parts: readonly ChunkJob[], key: string): Promise<ChunkResult> {
    if (parts.length === 0) return { accepted: 0, deduplicated: 0, rejected: [] };
    for (;;) {
      signal.throwIfAborted();
      try {
        const answer = await jobs.createMany(
          parts.map(({ job }) => job),
          { idempotencyKey: key, retries: connection.hasAnswered ? 0 : FIRST_RETRIES, signal },
        );
        connection.hasAnswered = true;
        patience.recordAnswer();
        const rejected = answer.rejected.map(({ index, errors }) => describeRejected(parts[index], errors));
        return { accepted: answer.accepted, deduplicated: answer.deduplicated.length, rejected };
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ServerUnreachableError)) connection.hasAnswered = true;
        if (isTooLarge(error)) return splitJobs(parts, key, error);
        // What an interrupted command has sent is still being done there.
        if (error instanceof LongshoreError && error.code === 'IDEMPOTENCY_IN_FLIGHT')
          await pause(IN_FLIGHT_PAUSE_MS, signal);
        else await endure(error);
      }
    }
  }

  async function endure(error: unknown): Promise<void> {
    const askedMs = (error as { retryAfterMs?: number }).retryAfterMs ?? 0;
    if (askedMs > GIVE_UP_AFTER_MS) throw error;
    onWait(error);
    await patience.endure(error);
  }

  async function splitJobs(parts: readonly ChunkJob[], key: string, error: LongshoreError): Promise<ChunkResult> {
    if (parts.length === 1) {
      const rejected = [describeRejected(parts[0], [{ path: '', message: error.message }])];
      return { accepted: 0, deduplicated: 0, rejected };
    }
    const middle = Math.ceil(parts.length / 2);
    const first = await sendJobs(parts.slice(0, middle), `${key}a`);
    const second = await sendJobs(parts.slice(middle), `${key}b`);
    return {
      accepted: first.accepted + second.accepted,
      deduplicated: first.deduplicated + second.deduplicated,
      rejected: [...first.rejected, ...second.rejected],
    };
  }

  return {
    async send(chunk, key) {
      const result = await sendJobs(chunk.jobs, key);
      const rejected = [...chunk.rejected, ...result.rejected].sort((a, b) => a.line - b.line);
      return { ...result, rejected };
    },
  };
}

function isTooLarge(error: unknown): error is LongshoreError {
  return error instanceof LongshoreError && (error as { status?: number }).status === 413;
}

function describeRejected(part: ChunkJob | undefined, errors: RejectedLine['errors']): RejectedLine {
  return { line: part?.line ?? 0, errors, text: part?.text };
}
