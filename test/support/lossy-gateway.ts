import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What becomes of one request on its way: lost before it arrives, done but its answer lost, or cut in its answer. */
export type Loss = 'request' | 'answer' | { afterText: string };

export interface LossyGateway extends AsyncDisposable {
  readonly url: string;
  /** `METHOD /path` of what came in, with what was lost. */
  readonly seen: string[];
  /** Loses the next requests of a route, `METHOD /path` without query, one loss each. */
  lose(route: string, ...losses: Loss[]): void;
}

/** An HTTP gateway in front of a program that breaks connections at the worst moments. */
export async function startLossyGateway(target: string): Promise<LossyGateway> {
  const losses = new Map<string, Loss[]>();
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const route = `${request.method} ${request.url?.split('?')[0]}`;
    seen.push(route);
    forward(target, request, response, losses.get(route)?.shift()).catch(() => response.destroy()); // as if cut
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    lose: (route, ...more) => void losses.set(route, [...(losses.get(route) ?? []), ...more]),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What is about one connection, or about a body that `fetch` has unpacked. */
const HOP_BY_HOP = ['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'content-encoding'];

function passOn(headers: [name: string, value: string | string[] | undefined][]): Record<string, string> {
  const kept = headers.filter(([name, value]) => value !== undefined && !HOP_BY_HOP.includes(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

async function forward(
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
  loss: Loss | undefined,
): Promise<void> {
  const body = await buffer(request);
  if (loss === 'request') return void response.destroy();
  const leaving = new AbortController();
  response.on('close', () => leaving.abort());
  const answer = await fetch(`${target}${request.url}`, {
    method: request.method ?? 'GET',
    headers: passOn(Object.entries(request.headers)),
    signal: leaving.signal,
    ...(body.length === 0 ? {} : { body }),
  });
  if (loss === 'answer') {
    await answer.arrayBuffer(); // it has been done
    return void response.destroy();
  }
  response.writeHead(answer.status, passOn([...answer.headers]));
  let text = '';
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString();
    await new Promise((written) => response.write(chunk, written));
    if (typeof loss === 'object' && text.includes(loss.afterText)) return void response.destroy();
  }
  response.end();
}
