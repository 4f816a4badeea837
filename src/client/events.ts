import { createParser } from 'eventsource-parser';
import type { JobEvent, JobEventType, JobResource } from '../contract/job.ts';
import { isTerminal } from '../contract/job-status.ts';
import { pause } from '../shared/time.ts';
import type { Connection } from './connection.ts';
import { ServerUnreachableError } from './errors.ts';
import { createPatience } from './patience.ts';

export interface EventsOptions {
  /** The id of the last event that is already known; the stream goes on after it. */
  lastEventId?: number | undefined;
  /** Ends the iteration quietly. */
  signal?: AbortSignal | undefined;
  /** How long to keep trying after a dropped connection; default 60,000. */
  giveUpAfterMs?: number | undefined;
}

const GIVE_UP_AFTER_MS = 60_000;
/** Three heartbeats of the server: a connection that is silent for longer is dead, however open it looks. */
const SILENCE_LIMIT_MS = 45_000;
const PAUSE_AFTER_EMPTY_MS = 1_000;

/**
 * A job's events until its terminal one. A dropped connection is taken up again with `Last-Event-ID`, so
 * that no event is missed and none comes twice.
 * @throws AnswerError (e.g. NOT_FOUND), or ServerUnreachableError when the server stays away
 */
export async function* streamEvents(
  connection: Connection,
  jobId: string,
  options: EventsOptions = {},
): AsyncGenerator<JobEvent, void, undefined> {
  const { signal } = options;
  const path = `/v1/jobs/${encodeURIComponent(jobId)}`;
  const patience = createPatience(connection, { giveUpAfterMs: options.giveUpAfterMs ?? GIVE_UP_AFTER_MS, signal });
  let lastEventId = options.lastEventId ?? 0;
  let retryMs = 0;
  let isKnownToHaveEnded = false;

  while (!signal?.aborted) {
    let received = 0;
    try {
      for await (const message of readMessages(connection, `${path}/events`, lastEventId, signal)) {
        patience.recordAnswer();
        if (message.kind === 'retry') retryMs = message.retryMs;
        if (message.kind !== 'event' || message.event.id <= lastEventId) continue;
        received += 1;
        lastEventId = message.event.id;
        yield message.event;
        if (endsJob(message.event.type)) return;
      }
      // Closed without a terminal event and without news: only the record can say whether more will come.
      if (received === 0) {
        if (isKnownToHaveEnded) return;
        const job = await connection.requestJson<JobResource>(path, { signal, retries: 0 });
        isKnownToHaveEnded = isTerminal(job.status);
        if (!isKnownToHaveEnded) await pause(Math.max(retryMs, PAUSE_AFTER_EMPTY_MS), signal);
      }
    } catch (error) {
      if (signal?.aborted) return;
      await patience.endure(error, retryMs);
    }
  }
}

type Message = { kind: 'open' } | { kind: 'retry'; retryMs: number } | { kind: 'event'; event: JobEvent };

/** One connection: what arrives until the server closes it. */
async function* readMessages(
  connection: Connection,
  path: string,
  lastEventId: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Message, void, undefined> {
  const closing = new AbortController();
  const response = await connection.openStream(path, {
    headers: { accept: 'text/event-stream', ...(lastEventId > 0 ? { 'last-event-id': String(lastEventId) } : {}) },
    retries: 0, // the caller does that
    signal: signal ? AbortSignal.any([signal, closing.signal]) : closing.signal,
  });
  const arrived: Message[] = [{ kind: 'open' }];
  const parser = createParser({
    onRetry: (retryMs) => arrived.push({ kind: 'retry', retryMs }),
    onEvent: ({ id, event, data }) => {
      const parsed = parseEvent(id, event, data);
      if (parsed) arrived.push({ kind: 'event', event: parsed });
    },
  });
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  try {
    for (;;) {
      yield* arrived.splice(0);
      const chunk = reader ? await readChunk(reader, connection.url) : undefined;
      if (chunk === undefined) return;
      parser.feed(decoder.decode(chunk, { stream: true }));
    }
  } finally {
    closing.abort();
  }
}

/** @returns undefined at the end of the body */
async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>, url: string) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    const fault = () => reject(new ServerUnreachableError(url, `silent for ${SILENCE_LIMIT_MS} ms`, undefined));
    timer = setTimeout(fault, SILENCE_LIMIT_MS);
  });
  try {
    return (await Promise.race([reader.read(), silence])).value;
  } catch (error) {
    if (error instanceof ServerUnreachableError) throw error;
    throw new ServerUnreachableError(url, 'the connection was cut', error);
  } finally {
    clearTimeout(timer);
  }
}

function parseEvent(id: string | undefined, type: string | undefined, data: string): JobEvent | undefined {
  const number = Number(id);
  if (!id || !Number.isFinite(number) || !type) return undefined;
  // A type that is newer than this client is passed on as it is.
  return { id: number, type: type as JobEventType, data: parseData(data) };
}

function parseData(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return data; // contract says JSON; text is still better than a lost event
  }
}

function endsJob(type: JobEventType): boolean {
  const status = type.slice('job.'.length);
  return isTerminal(status as JobResource['status']);
}
