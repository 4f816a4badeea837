/** Sends the same requests over many connections that stay open, each waiting for its answer before the next. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { nowUs } from '../contestants/contestant.ts';
import { serve } from '../processes/serve.ts';

export interface LoadOptions {
  url: string;
  /** Sent in turn. */
  bodies: string[];
  headers: Record<string, string>;
  connections: number;
  requests: number;
  /** After it no further request is sent. */
  limitMs: number;
  status: number;
}

export interface LoadTiming {
  requests: number;
  startedAtUs: number;
  answeredAtUs: number;
}

export interface LoadCommands {
  send(options: LoadOptions): Promise<LoadTiming>;
  close(): Promise<void>;
}

const HEAD_END = '\r\n\r\n';

const commands: LoadCommands = { send, close: async () => {} };

// On sockets, since a whole HTTP client would need as much of the machine as the server that is measured.
async function send(options: LoadOptions): Promise<LoadTiming> {
  const { hostname, port } = new URL(options.url);
  const requests = options.bodies.map((body) => toRequest(options, body));
  const sockets = Array.from({ length: options.connections }, () => connect(Number(port), hostname).setNoDelay());
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const startedAtUs = nowUs();
  let sent = 0;
  const takeNext = () => {
    if (sent >= options.requests || nowUs() - startedAtUs > options.limitMs * 1000) return undefined;
    sent += 1;
    return requests[sent % requests.length];
  };
  await Promise.all(sockets.map((socket) => converse(socket, takeNext, options.status)));
  return { requests: sent, startedAtUs, answeredAtUs: nowUs() };
}

function converse(socket: Socket, takeNext: () => Buffer | undefined, status: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let received = '';
  const sendNext = () => {
    const request = takeNext();
    if (request) socket.write(request);
    else socket.end(resolve);
  };
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk;
    const length = measureAnswer(received);
    if (length === undefined || received.length < length) return;
    if (!received.startsWith(`HTTP/1.1 ${status} `)) return void reject(new Error(received.slice(0, 1000)));
    received = '';
    sendNext();
  });
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the server closed a connection')));
  sendNext();
  return promise;
}

/** @returns the length of head and body; undefined while the head is incomplete */
function measureAnswer(text: string): number | undefined {
  const end = text.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, end))?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${text.slice(0, end)}`);
  return end + HEAD_END.length + Number(length);
}

function toRequest({ url, headers }: LoadOptions, body: string): Buffer {
  const { host, pathname } = new URL(url);
  const given = {
    host,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const head = Object.entries(given).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`POST ${pathname} HTTP/1.1\r\n${head.join('\r\n')}${HEAD_END}${body}`);
}

serve(commands);
