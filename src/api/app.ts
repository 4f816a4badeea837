import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import { toFaults } from '../define/registry.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import { createId } from '../shared/ids.ts';
import type { IdempotencyStore } from '../store/idempotency.ts';
import type { Logger } from '../telemetry/logger.ts';
import { authenticate } from './authenticate.ts';
import { BULK_BODY_FACTOR, createBodyReaders, parseBody } from './body.ts';
import { answerOnce, readKey } from './idempotency.ts';
import { toOpenApi } from './openapi.ts';
import { createErrorHandler } from './problem.ts';
import { type Call, emptyBodyOf, type Reply, type Route, route } from './route.ts';

export interface AppOptions {
  routes: readonly Route[];
  /** Where the answers to calls with an Idempotency-Key are kept. */
  idempotency: IdempotencyStore;
  adminKey: string | undefined;
  maxBodyBytes: number;
  version: string;
  /** Aborts when the program stops: what is held then is answered as it is. */
  stopping: AbortSignal;
  log: Logger;
}

/** Mounts the routes. */
export function createApp(options: AppOptions): Express {
  const app = express();
  // Where plain HTTP is spoken there is nothing to upgrade to.
  app.use(helmet({ contentSecurityPolicy: { directives: { 'upgrade-insecure-requests': null } } }));
  const document = toOpenApi(options.routes, options.version);
  const routes = [
    ...options.routes,
    route({
      method: 'get',
      path: '/v1/openapi.json',
      scope: 'none',
      summary: 'This document',
      answers: { 200: null },
      handle: async () => ({ status: 200, body: document }),
    }),
  ];
  const bodyReaders = createBodyReaders(options.maxBodyBytes);
  const bulkBodyReaders = createBodyReaders(options.maxBodyBytes * BULK_BODY_FACTOR);
  for (const each of routes) {
    const path = each.path.replaceAll(/\{(\w+)\}/g, ':$1');
    // The key is checked before a body is read.
    app[each.method](
      path,
      requireKey(each, options.adminKey),
      ...(each.method === 'post' ? (each.isBulk ? bulkBodyReaders : bodyReaders) : []),
      serve(each, options),
    );
  }
  app.use((request) => {
    throw new AppError('NOT_FOUND', `there is no ${request.method} ${request.path}`);
  });
  app.use(createErrorHandler(options.log));
  return app;
}

function requireKey(each: Route, adminKey: string | undefined): RequestHandler {
  return (request, _response, next) => {
    authenticate(request, each.scope, adminKey);
    next();
  };
}

function serve(each: Route, options: AppOptions): RequestHandler {
  return async (request, response) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const key = each.isIdempotent ? readKey(request) : undefined;
    const call: Call = {
      caller: authenticate(request, each.scope, options.adminKey),
      params: request.params as Record<string, string>,
      query: readQuery(each, request.query),
      body: await readBody(each, request.body ?? emptyBodyOf(each)),
      request,
      seed: createId(),
      signal: AbortSignal.any([gone.signal, options.stopping]),
    };
    const handle = (claimed: Call) => each.handle(claimed, response);
    const reply = await (key === undefined ? handle(call) : answerOnce(options, each, key, call, handle));
    if (reply) send(request, response, reply);
  };
}

function send(request: Request, response: Response, reply: Reply): void {
  if (response.destroyed) return;
  response.status(reply.status).set(reply.headers ?? {});
  if (isKnown(request.headers['if-none-match'], reply.headers?.ETag)) response.status(304).end();
  else if (reply.body === undefined) response.end();
  else response.json(reply.body);
}

// Express answers 304 too, but not to `fetch`, which sends Cache-Control: no-cache along: that is for caches on the way.
function isKnown(ifNoneMatch: string | undefined, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || opaque(tag) === opaque(etag));
}

async function readBody(each: Route, body: unknown): Promise<unknown> {
  if (!each.body) return undefined;
  const parsed = await parseBody(each.body, body, each);
  if (parsed.ok) return parsed.value;
  throw invalidFields(parsed.faults);
}

function readQuery(each: Route, query: unknown): unknown {
  if (!each.query) return {};
  const result = each.query.safeParse(query);
  if (result.success) return result.data;
  throw invalidFields(toFaults(result.error, ''));
}
