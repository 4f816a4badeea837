import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { waitFor } from './wait-for.ts';

export interface ReceivedRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Takes webhooks and answers each path with the statuses that were set for it, one after another, at last 204. */
export interface WebhookReceiver {
  readonly url: string;
  readonly received: readonly ReceivedRequest[];
  /** The requests to a path, once there are so many. */
  waitForRequests(path: string, count: number): Promise<ReceivedRequest[]>;
  answerWith(path: string, ...statuses: number[]): void;
  stop(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: ReceivedRequest[] = [];
  const statuses = new Map<string, number[]>();
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    const body = await text(request).catch(() => undefined); // it broke off: its sender was killed
    if (body === undefined) return; // nothing was received
    received.push({ path, headers: request.headers, body });
    response.writeHead(statuses.get(path)?.shift() ?? 204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answerWith: (path, ...list) => void statuses.set(path, list),
    waitForRequests: (path, count) =>
      waitFor(
        () => {
          const found = received.filter((request) => request.path === path);
          return found.length >= count && found;
        },
        { describe: `${count} requests to ${path}`, timeoutMs: 30_000 },
      ),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
