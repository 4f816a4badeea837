import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { SubscriptionEvent } from '../contract/webhooks.ts';
import type { Caller } from '../engine/engine.ts';
import type { ErrorCode, FieldError } from '../shared/errors.ts';
import type { RequestHeader, ResponseHeader } from './openapi/headers.ts';

/** What a key must allow; `none` needs no key. */
export type Scope = 'none' | 'jobs:read' | 'jobs:write' | 'admin';

/** What a handler is given: everything has been checked. */
export interface Call<Query = unknown, Body = unknown> {
  caller: Caller;
  params: Record<string, string>;
  query: Query;
  body: Body;
  /** How long the body's text was; undefined where that is not known. */
  bodyBytes: number | undefined;
  /** The body, where the route says that it reads a stream. Throws INVALID_REQUEST when it breaks off. */
  stream(): AsyncIterable<Uint8Array>;
  /** Whether the body is lines of JSON, where the route says that it reads those too. */
  hasLines: boolean;
  /** Only for headers; the body and query were read already. */
  request: Request;
  /** A UUIDv7 that the ids of what the call creates follow from; the same when an idempotent call is made again. */
  seed: string;
  /** Makes one that aborts when the caller has gone, or the program stops; most calls are answered without. */
  signal(): AbortSignal;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** What is kept in place of the body for a call that is made again: what must be told once. */
  keptBody?: unknown;
  /** In place of a body: JSON that is too long for one string. */
  json?: LongJson;
}

export interface LongJson {
  /** About how long it is. */
  bytes: number;
  write(): Iterable<string>;
}

/** One endpoint. Authentication, validation and the OpenAPI document follow from it. */
export interface Route<Query extends z.ZodType = z.ZodType, Body extends z.ZodType = z.ZodType> {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** With `{name}` for parameters, as in OpenAPI. */
  path: string;
  scope: Scope;
  /** It is about the whole program, or all tenants: a key that is bound to a tenant does not suffice. */
  isForAll?: true;
  summary: string;
  query?: Query;
  body?: Body;
  /** The body may be anything, and the handler reads it with `call.stream()`; default: JSON, as `body` says. */
  reads?: 'stream';
  /** The body may also be lines of JSON (NDJSON), which the handler reads with `call.stream()`: `call.body` is undefined then. */
  readsLines?: true;
  /** What a call without a body stands for; default `{}`. */
  emptyBody?: null;
  /**
   * The body is a list of requests that the handler checks one by one with `parseBody`; as a whole it may be
   * {@link BULK_BODY_FACTOR} times as large as others.
   */
  isBulk?: true;
  /**
   * It creates something, so it takes an Idempotency-Key: the same call is then answered as the first time (I8). Its
   * handler returns its reply, and makes all ids from the call's `seed`.
   */
  isIdempotent?: true;
  /** Looks for more faults in a body that its schema refuses, so that a caller hears of all at once. */
  findMoreFaults?(body: unknown): Promise<FieldError[]>;
  /** The schema of the body for each success status; null where there is none. */
  answers: Record<number, z.ZodType | null>;
  /** What it refuses beyond what follows from the rest of the record. For the document, as are the next three. */
  errors?: readonly ErrorCode[];
  /** Headers that its handler reads. */
  requestHeaders?: readonly RequestHeader[];
  /** Headers that its handler sends with a success. */
  responseHeaders?: readonly ResponseHeader[];
  /** What is sent later to an address in the body: where that stands (a JSON pointer), and of which events. */
  callbacks?: { url: string; events: readonly SubscriptionEvent[] };
  /** Returns the reply, or writes it itself (a stream) and returns nothing. */
  handle(call: Call<z.output<Query>, z.output<Body>>, response: Response): Promise<Reply | undefined>;
}

/** Keeps a route's own types in its handler and forgets them outside. */
export function route<Query extends z.ZodType, Body extends z.ZodType>(record: Route<Query, Body>): Route {
  return record as unknown as Route;
}

export function emptyBodyOf({ emptyBody }: Route): object | null {
  return emptyBody === undefined ? {} : emptyBody;
}
