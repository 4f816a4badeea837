import express, { type Request, type Response } from 'express';
import type { z } from 'zod';
import { LINES_MEDIA_TYPE } from '../contract/bulk.ts';
import { toFaults } from '../define/registry.ts';
import { AppError, type FieldError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import { isPlainJson, MAX_DEPTH } from '../shared/json.ts';
import type { Route } from './route.ts';

/** How much larger than others a body may be that is a list of requests. */
export const BULK_BODY_FACTOR = 16;
const MAX_FAULTS = 100;
const PATH_SHOWN = 10;

/** What a request carries. */
export interface ReceivedBody {
  /** Parsed; undefined where there is no body. */
  value: unknown;
  /** How long its text is; undefined where that is not known. */
  bytes?: number;
}

/**
 * Reads a JSON body.
 * @throws UNSUPPORTED_MEDIA_TYPE, MALFORMED_JSON, and as Express's own reader, for what `createErrorHandler` knows
 */
export type BodyReader = (request: Request, response: Response) => Promise<ReceivedBody>;

export function createBodyReader(maxBodyBytes: number): BodyReader {
  const readAny = express.json({ limit: maxBodyBytes, strict: false, type: isJson });
  return async (request, response) => {
    refuseOtherMedia(request);
    if (isUsual(request, maxBodyBytes)) return readUsual(request);
    await new Promise<void>((resolve, reject) => {
      readAny(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error)));
    });
    return { value: request.body };
  };
}

/** Whether a body is UTF-8 of a known and allowed length, as nearly all are; Express reads the others. */
function isUsual({ headers }: Request, maxBodyBytes: number): boolean {
  const bytes = Number(headers['content-length'] ?? 0);
  if (bytes === 0 || bytes > maxBodyBytes || headers['content-encoding'] !== undefined) return false;
  return /^application\/json(; ?charset=utf-8)?$/i.test(headers['content-type'] ?? '');
}

async function readUsual(request: Request): Promise<ReceivedBody> {
  const body = await receive(request);
  try {
    return { value: JSON.parse(body.toString().replace(/^\uFEFF/, '')), bytes: body.length };
  } catch (error) {
    throw new AppError('MALFORMED_JSON', messageOf(error), { cause: error });
  }
}

function receive(request: Request): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.on('error', (cause) => reject(new AppError('INVALID_REQUEST', 'the request ended too early', { cause })));
  });
}

export type ParsedBody<Body> = { ok: true; value: Body } | { ok: false; faults: FieldError[] };

/** Checks a body, or one request of a list of them, also for what could not be kept unchanged. */
export async function parseBody<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
  { isBulk, findMoreFaults }: Pick<Route, 'isBulk' | 'findMoreFaults'> = {},
): Promise<ParsedBody<z.output<Schema>>> {
  const unkeepable = isBulk ? [] : findUnkeepable(body); // the parts of a list are checked one by one
  if (unkeepable.length > 0) return { ok: false, faults: unkeepable };
  const result = schema.safeParse(body);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, faults: [...toFaults(result.error, '', schema), ...((await findMoreFaults?.(body)) ?? [])] };
}

/**
 * Finds what JSON allows and would be lost or changed on its way: keys `__proto__`, which JavaScript takes for something
 * else, numbers beyond a double, and nesting that no recursive function survives. Pure.
 */
function findUnkeepable(body: unknown): FieldError[] {
  if (isPlainJson(body)) return [];
  const faults: FieldError[] = [];
  const path: string[] = [];
  const visit = (value: unknown): void => {
    const message = faultOf(value, path.length);
    if (message !== undefined) faults.push({ path: path.slice(0, PATH_SHOWN).join('.'), message });
    if (message !== undefined || typeof value !== 'object') return;
    for (const key in value) {
      if (faults.length >= MAX_FAULTS) return;
      path.push(key);
      visit((value as Record<string, unknown>)[key]);
      path.pop();
    }
  };
  visit(body);
  return faults;
}

function faultOf(value: unknown, depth: number): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'is a number that is too large';
  if (typeof value !== 'object' || value === null) return undefined;
  if (Object.hasOwn(value, '__proto__')) return 'must not have a key "__proto__"';
  return depth > MAX_DEPTH ? `is nested deeper than ${MAX_DEPTH} levels` : undefined;
}

function isJson(request: { headers: { 'content-type'?: string | undefined } }): boolean {
  return /^application\/([\w.-]+\+)?json\b/i.test(request.headers['content-type'] ?? '');
}

/** Whether the body is lines of JSON. @throws UNSUPPORTED_MEDIA_TYPE for lines that are encoded on their way */
export function isLines({ headers }: Pick<Request, 'headers'>): boolean {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (type.trim().toLowerCase() !== LINES_MEDIA_TYPE) return false;
  if ((headers['content-encoding'] ?? 'identity') === 'identity') return true;
  throw new AppError('UNSUPPORTED_MEDIA_TYPE', `send ${LINES_MEDIA_TYPE} without a Content-Encoding`);
}

function refuseOtherMedia(request: Request): void {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (hasBody && !isJson(request)) {
    throw new AppError(
      'UNSUPPORTED_MEDIA_TYPE',
      `send application/json, not ${request.headers['content-type'] ?? 'a body without a type'}`,
    );
  }
}
