import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { JobResource } from '../../src/contract/job.ts';

export interface SeenRequest {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

type Handler = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

export interface FakeServer extends AsyncDisposable {
  readonly url: string;
  readonly seen: SeenRequest[];
  /** Answers requests whose "METHOD /path" (without query) is `route`; the last handler of a route counts. */
  on(route: string, handler: Handler): void;
  /** Answers with JSON. */
  onJson(route: string, body: unknown, status?: number): void;
}

/** A real HTTP server with scripted answers, in place of Longshore. */
export async function startFakeServer(): Promise<FakeServer> {
  const handlers = new Map<string, Handler>();
  const seen: SeenRequest[] = [];
  const server = createServer(async (request, response) => {
    const { method = 'GET', url = '/', headers } = request;
    const body = await text(request).catch(() => undefined); // its sender has broken it off
    if (body === undefined) return; // nothing was asked
    const known: SeenRequest = { method, path: url, headers, body };
    seen.push(known);
    const handler = handlers.get(`${method} ${url.split('?')[0]}`);
    if (handler) await handler(known, response);
    else answerJson(response, { code: 'NOT_FOUND', detail: `no route ${method} ${url}`, status: 404 }, 404);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    on: (route, handler) => void handlers.set(route, handler),
    onJson: (route, body, status = 200) =>
      void handlers.set(route, (_request, response) => answerJson(response, body, status)),
    [Symbol.asyncDispose]: () => stop(server),
  };
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

export function answerJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Events in the format of Server-Sent Events, to be written to a response. */
export function formatEvents(events: readonly { id: number; type: string; data: unknown }[]): string {
  return events.map(({ id, type, data }) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`).join('');
}

export function makeJob(changes: Partial<JobResource> = {}): JobResource {
  const id = changes.id ?? '01980000-0000-7000-8000-000000000001';
  return {
    id,
    type: 'http:request',
    queue: 'http',
    tenant: 'default',
    status: 'queued',
    reason: null,
    priority: 0,
    tags: [],
    metadata: {},
    input: {},
    output: null,
    error: null,
    progress: { percent: 0, message: null, etaMs: null },
    attempt: 0,
    maxAttempts: 3,
    createdAt: '2026-01-01T00:00:00.000Z',
    runAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    finishedAt: null,
    parentId: null,
    stepKey: null,
    scheduleId: null,
    batchId: null,
    worker: null,
    deduplicationKey: null,
    links: { self: `/v1/jobs/${id}`, events: `/v1/jobs/${id}/events`, cancel: `/v1/jobs/${id}/cancel` },
    ...changes,
  };
}
