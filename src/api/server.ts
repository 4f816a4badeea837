import type { RequestListener, Server, ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { AppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import { answerUnreadable } from './unreadable.ts';

// An import reads all that a module exports, and two exports of this one load the whole of Node's fetch: 30 ms and 15 MB.
const { createServer, IncomingMessage, ServerResponse } = process.getBuiltinModule('node:http');

export interface HttpServer {
  /** The port that was taken, also where 0 was asked for. */
  port: number;
  /** Takes no more requests and resolves when those under way are answered, or cut off after `graceMs`. Idempotent. */
  stop(graceMs: number): Promise<void>;
}

/** Makes what answers. It is given a signal that aborts when the server stops, for requests that it holds. */
export type LoadApp = (stopping: AbortSignal) => Promise<RequestListener | Express>;

/** A server has one limit for all of its requests, so it is that of the longest upload; `limitReceiving` has those of others. */
const RECEIVE_MAX_MS = 12 * 3_600_000;
const HEADERS_MS = 60_000;

/**
 * @throws INVALID_CONFIGURATION when the address cannot be listened on
 */
export async function startHttpServer(loadApp: LoadApp, host: string, port: number): Promise<HttpServer> {
  const stop = new AbortController();
  const app = await loadApp(stop.signal);
  const server = createServer(isExpress(app) ? objectsFor(app) : {}, app);
  server.requestTimeout = RECEIVE_MAX_MS;
  server.headersTimeout = HEADERS_MS;
  server.on('clientError', answerUnreadable);
  server.keepAliveTimeout = 65_000; // longer than the usual 60 s of a proxy, which else meets a closed connection
  await listen(server, host, port);
  let stopping: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    stop: (graceMs) => {
      stop.abort();
      stopping ??= stopServer(server, graceMs);
      return stopping;
    },
  };
}

function isExpress(app: RequestListener | Express): app is Express {
  return 'request' in app;
}

/**
 * Lets Node make requests and answers with the prototypes that Express gives them. Express itself would change those of
 * each finished object, which makes all later use of it slower.
 */
function objectsFor({ request, response }: Express): ServerOptions {
  return {
    IncomingMessage: withPrototype(IncomingMessage, request),
    ServerResponse: withPrototype(ServerResponse, response),
  };
}

/** The same class, but for the prototype of what it makes. */
function withPrototype<Class extends NonNullable<unknown>>(base: Class, prototype: object): Class {
  const construct = base as unknown as new () => object;
  function Made(...args: []): object {
    return Reflect.construct(construct, args, Made);
  }
  Made.prototype = prototype;
  return Made as unknown as Class;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new AppError('INVALID_CONFIGURATION', `cannot listen on ${host}:${port} (HOST, PORT): ${messageOf(error)}`, {
          cause: error,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
}

async function stopServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
