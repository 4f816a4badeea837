import type { Response } from 'express';
import { z } from 'zod';
import type { Engine } from '../../engine/engine.ts';
import { findFile } from '../../engine/files.ts';
import { AppError } from '../../shared/errors.ts';
import { type Route, route } from '../route.ts';

/**
 * What a job made may be a page or a drawing with a script in it: shown, it belongs to no origin and may do nothing but
 * show itself.
 */
const POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'";

/** The files that jobs have made. */
export function fileRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/files/{key}',
      scope: 'jobs:read',
      summary: 'Read a file that a job has made, or a range of it',
      answers: { 200: FILE, 206: FILE, 304: null },
      async handle({ caller, params }, response) {
        const { folder, name } = await findFile(engine, caller, params.key ?? '');
        await sendFile(response, folder, name);
        return undefined;
      },
    }),
  ];
}

const FILE = z.string().meta({ description: 'application/octet-stream', format: 'binary' });

/** Range, If-Range, If-None-Match and the type by the name's ending are Express's (`send`). */
async function sendFile(response: Response, folder: string, name: string): Promise<void> {
  const headers = {
    'Cache-Control': 'private, no-cache', // a retry may replace it
    'Content-Disposition': `inline; filename="${name}"`,
    'Content-Security-Policy': POLICY,
  };
  try {
    // The root keeps a hidden folder above it, such as .longshore, from counting as one of the file.
    const options = { root: folder, cacheControl: false, headers };
    await new Promise<void>((resolve, reject) => {
      response.sendFile(name, options, (error?: Error) => (error ? reject(error) : resolve()));
    });
  } catch (error) {
    if (hasLeft(error)) return;
    if (!response.headersSent)
      for (const about of ['ETag', 'Last-Modified', 'Accept-Ranges']) response.removeHeader(about);
    throw explain(error, name);
  }
}

/** The caller has closed the connection, which Express tells as these. */
function hasLeft(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === 'ECONNABORTED' || syscall === 'write';
}

function explain(error: unknown, name: string): unknown {
  const { status } = error as { status?: unknown };
  if (status === 416) return new AppError('RANGE_NOT_SATISFIABLE', `${name} has no such bytes; see Content-Range`);
  if (status === 412)
    return new AppError('PRECONDITION_FAILED', `${name} is not the one that If-Match or its like names`);
  if (status === 404) return new AppError('NOT_FOUND', `there is no file ${name} any more`);
  return error;
}
