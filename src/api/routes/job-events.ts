import { once } from 'node:events';
import type { Response } from 'express';
import { z } from 'zod';
import type { JobEvent } from '../../contract/job.ts';
import type { Engine } from '../../engine/engine.ts';
import { isAfterEnd, streamEvents } from '../../engine/events.ts';
import { requireJob } from '../../engine/inquire.ts';
import { type Route, route } from '../route.ts';

const HEARTBEAT_MS = 15_000;
const RETRY_MS = 1000;

/** Server-sent events (WHATWG HTML, section 9.2). */
export function jobEventRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/jobs/{id}/events',
      scope: 'jobs:read',
      summary: "Stream a job's events up to its end; Last-Event-ID resumes",
      query: z.strictObject({ lastEventId: z.coerce.number().int().min(0).optional() }),
      answers: { 200: z.string().meta({ description: 'text/event-stream' }), 204: null },
      requestHeaders: ['Last-Event-ID'],
      async handle({ caller, params, query, request, signal }, response) {
        const job = await requireJob(engine, caller, params.id ?? '');
        const afterId = readLastEventId(request.get('last-event-id')) ?? query.lastEventId ?? 0;
        // A browser comes back after the end of a stream; 204 tells it that there is no more (WHATWG HTML, section 9.2.3).
        if (isAfterEnd(job, afterId)) return { status: 204 };
        const close = openStream(response);
        const isOver = signal();
        try {
          for await (const event of streamEvents(engine, caller, job.id, afterId, isOver))
            await write(response, event, isOver);
        } catch (error) {
          // The answer has begun; the client comes back with its Last-Event-ID.
          engine.log.warn('an event stream broke off', { jobId: job.id, error });
        } finally {
          close();
        }
        return undefined;
      },
    }),
  ];
}

function openStream(response: Response): () => void {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
  });
  response.write(`retry: ${RETRY_MS}\n\n`);
  const heartbeat = setInterval(() => response.write(': heartbeat\n\n'), HEARTBEAT_MS);
  return () => {
    clearInterval(heartbeat);
    response.end();
  };
}

async function write(response: Response, event: JobEvent, signal: AbortSignal): Promise<void> {
  const isFull = !response.write(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`);
  // A reader that does not keep up holds the stream, not our memory.
  if (isFull && !signal.aborted) await once(response, 'drain', { signal });
}

function readLastEventId(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,16}$/.test(header) ? Number(header) : undefined;
}
