import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { verifyWebhook, WebhookVerificationError } from '../contract/verify-webhook.ts';

export interface ReceivedWebhook {
  atMs: number;
  isGenuine: boolean;
  /** The parsed body; undefined when it is not genuine. */
  body: unknown;
}

/** What a user of Longshore would run: something that jobs call, and that is told when they have ended. */
export interface Receiver {
  readonly url: string;
  /** The first webhook that arrives; rejects when `signal` aborts. */
  waitForWebhook(signal: AbortSignal): Promise<ReceivedWebhook>;
  stop(): Promise<void>;
}

export async function startReceiver(webhookSecret: string): Promise<Receiver> {
  const arrived = Promise.withResolvers<ReceivedWebhook>();
  const server = createServer((request, response) => {
    answer(request, response, webhookSecret, arrived.resolve).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    waitForWebhook: (signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        if (signal.aborted) reject(signal.reason);
        arrived.promise.then(resolve, reject);
      }),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  secret: string,
  accept: (webhook: ReceivedWebhook) => void,
): Promise<void> {
  if (request.url !== '/webhook') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ hello: 'from the receiver' }));
    return;
  }
  const atMs = Date.now();
  // The signature covers the very bytes: verify before parsing.
  const received = await text(request);
  const body = await verifyWebhook(received, request.headers, secret).catch((error: unknown) => {
    if (error instanceof WebhookVerificationError) return undefined; // not genuine
    throw error;
  });
  response.writeHead(body === undefined ? 401 : 204).end();
  accept({ atMs, isGenuine: body !== undefined, body });
}
