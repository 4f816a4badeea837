import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { toFaults } from '../define/registry.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import { createId } from '../shared/ids.ts';
import type { IdempotencyStore } from '../store/idempotency.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type BodyReader, BULK_BODY_FACTOR, createBodyReader, isLines, parseBody, type ReceivedBody } from './body.ts';
import type { Door } from './door.ts';
import { answerOnce, readKey } from './idempotency.ts';
import { documentSchema, toOpenApi } from './openapi/document.ts';
import type { Page } from './pages/page.ts';
import { createErrorHandler } from './problem.ts';
import { limitReceiving, readStream } from './receiving.ts';
import { type Call, emptyBodyOf, type Reply, type Route, route } from './route.ts';
import { secureAnswers } from './security-headers.ts';

export interface AppOptions {
  routes: readonly Route[];
  /** What people see in a browser. */
  pages?: readonly Page[];
  /** Where the answers to calls with an Idempotency-Key are kept. */
  idempotency: IdempotencyStore;
  /** Who may come in. */
  door: Door;
  maxBodyBytes: number;
  version: string;
  /** Aborts when the program stops: what is held then is answered as it is. */
  stopping: AbortSignal;
  log: Logger;
}

const JSON_TYPE = 'application/json; charset=utf-8';
/** What probes and caches append to an address is no fault of the call. */
const ANYTHING = z.unknown();
const NOTHING = z.strictObject({});
const NO_BODY: ReceivedBody = { value: undefined };

/** Mounts the routes. */
export function createApp(options: AppOptions): Express {
  const app = express();
  secureAnswers(app);
  const routes = [...options.routes, describeRoutes(options)];
  const readBody = createBodyReader(options.maxBodyBytes);
  const readBulkBody = createBodyReader(options.maxBodyBytes * BULK_BODY_FACTOR);
  for (const each of routes) {
    const path = each.path.replaceAll(/\{(\w+)\}/g, ':$1');
    app[each.method](path, serve(each, each.isBulk ? readBulkBody : readBody, options));
  }
  for (const mount of options.pages ?? []) mount(app, options.door);
  app.use((request) => {
    throw new AppError('NOT_FOUND', `there is no ${request.method} ${request.path}`);
  });
  app.use(createErrorHandler(options.log));
  return app;
}

/** The route of the document, which it describes too. It is written when somebody asks for it. */
function describeRoutes({ routes, version }: AppOptions): Route {
  let document: Record<string, unknown> | undefined;
  const self = route({
    method: 'get',
    path: '/v1/openapi.json',
    scope: 'none',
    summary: 'This document',
    answers: { 200: documentSchema },
    async handle() {
      document ??= toOpenApi([...routes, self], version);
      return { status: 200, body: document };
    },
  });
  return self;
}

function serve(each: Route, readBody: BodyReader, options: AppOptions): RequestHandler {
  const takesJson = (each.method === 'post' || each.method === 'patch') && each.reads === undefined;
  return async (request, response) => {
    const release = limitReceiving(request);
    const caller = await options.door.enter(request, response, each); // before a body is read
    const hasLines = each.readsLines === true && isLines(request);
    const { value, bytes } = takesJson && !hasLines ? await readBody(request, response).finally(release) : NO_BODY;
    const key = each.isIdempotent ? readKey(request) : undefined;
    const call: Call = {
      caller,
      params: request.params as Record<string, string>,
      query: checkQuery(each.query ?? (each.scope === 'none' ? ANYTHING : NOTHING), request.query),
      body: each.body && !hasLines ? await checkBody(each.body, value ?? emptyBodyOf(each), each) : undefined,
      bodyBytes: bytes,
      stream: () => readStream(request, release),
      hasLines,
      request,
      seed: createId(),
      signal: () => watchCaller(request, response, each, options),
    };
    const handle = (claimed: Call) => each.handle(claimed, response);
    const reply = await (key === undefined ? handle(call) : answerOnce(options, each, key, call, handle));
    if (reply) await send(request, response, reply);
  };
}

/** How long a call that is held goes on after its key has ended. */
const RECHECK_MS = 5000;

function watchCaller(request: Request, response: Response, each: Route, { door, stopping }: AppOptions): AbortSignal {
  const gone = new AbortController();
  const checking = setInterval(async () => {
    if (!(await door.mayStay(request, each))) leave();
  }, RECHECK_MS);
  const leave = () => {
    clearInterval(checking);
    gone.abort();
  };
  if (response.destroyed) leave();
  else response.once('close', leave);
  return AbortSignal.any([gone.signal, stopping]);
}

async function send(request: Request, response: Response, reply: Reply): Promise<void> {
  if (response.destroyed) return;
  if (reply.json) {
    response.writeHead(reply.status, { ...reply.headers, 'Content-Type': JSON_TYPE });
    const written = pipeline(Readable.from(reply.json.write()), response);
    await written.catch(() => undefined); // whoever asked has gone
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD' && reply.body !== undefined) {
    sendJson(response, reply);
    return;
  }
  response.status(reply.status).set(reply.headers ?? {});
  if (isKnown(request.headers['if-none-match'], reply.headers?.ETag)) response.status(304).end();
  else if (reply.body === undefined) response.end();
  else response.json(reply.body);
}

// In one go. Express would hash the body for an ETag too, which is of use only to who asks again with GET.
function sendJson(response: Response, { status, headers = {}, body }: Reply): void {
  const json = JSON.stringify(body);
  const length = String(Buffer.byteLength(json));
  const ofBody = ['Content-Type', JSON_TYPE, 'Content-Length', length];
  response.writeHead(status, [...Object.entries(headers).flat(), ...ofBody]).end(json);
}

// Express answers 304 too, but not to `fetch`, which sends Cache-Control: no-cache along: that is for caches on the way.
function isKnown(ifNoneMatch: string | undefined, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || opaque(tag) === opaque(etag));
}

async function checkBody(schema: z.ZodType, body: unknown, each: Route): Promise<unknown> {
  const parsed = await parseBody(schema, body, each);
  if (parsed.ok) return parsed.value;
  throw invalidFields(parsed.faults);
}

function checkQuery(schema: z.ZodType, query: unknown): unknown {
  const result = schema.safeParse(query);
  if (result.success) return result.data;
  throw invalidFields(toFaults(result.error, '', schema));
}
