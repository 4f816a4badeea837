import { z } from 'zod';
import { type FileResource, fileSchema, uploadQuerySchema } from '../../contract/files.ts';
import type { Engine } from '../../engine/engine.ts';
import { findFile } from '../../engine/files.ts';
import { deleteUpload, keepUpload } from '../../engine/uploads.ts';
import { FILES_PATH, toFileKey } from '../../shared/file-keys.ts';
import type { UploadRow } from '../../store/files.ts';
import { readKey } from '../idempotency.ts';
import { checkLength, chooseName, readContentType } from '../receive-upload.ts';
import { type Route, route } from '../route.ts';
import { sendFile } from '../send-file.ts';

/** Files that jobs have made, and files that were uploaded for them. */
export function fileRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/files/{key}',
      scope: 'jobs:read',
      summary: 'Read a file that a job has made or that was uploaded, or a range of it',
      answers: { 200: FILE, 206: FILE, 304: null },
      errors: ['PRECONDITION_FAILED', 'RANGE_NOT_SATISFIABLE', 'STORAGE_UNAVAILABLE'],
      requestHeaders: ['Range', 'If-Range', 'If-None-Match', 'If-Match', 'If-Modified-Since', 'If-Unmodified-Since'],
      responseHeaders: ['ETag', 'Last-Modified', 'Accept-Ranges', 'Content-Range', 'Content-Disposition'],
      async handle({ caller, params, request }, response) {
        const found = await findFile(engine, caller, params.key ?? '');
        await sendFile(request, response, engine.storage, found);
        return undefined;
      },
    }),
    route({
      method: 'post',
      path: '/v1/files',
      scope: 'jobs:write',
      summary: 'Upload a file; its key or URL may stand in inputs of jobs',
      query: uploadQuerySchema,
      reads: 'stream',
      isIdempotent: true,
      answers: { 201: fileSchema },
      errors: ['INVALID_REQUEST', 'BODY_TOO_LARGE', 'STORAGE_UNAVAILABLE'],
      requestHeaders: ['Content-Disposition'],
      responseHeaders: ['Location'],
      async handle({ caller, query, request, seed, stream }) {
        checkLength(request, engine.settings.maxUploadBytes);
        const upload = {
          name: chooseName(request, query),
          contentType: readContentType(request),
          tenant: query.tenant,
          expiresInMs: query.expiresInMs,
          content: stream(),
          isShared: readKey(request) !== undefined,
        };
        const row = await keepUpload(engine, caller, upload, seed);
        const file = toFileResource(engine, row);
        return { status: 201, headers: { Location: FILES_PATH + file.key }, body: file };
      },
    }),
    route({
      method: 'delete',
      path: '/v1/files/{key}',
      scope: 'jobs:write',
      summary: 'Delete a file that was uploaded',
      answers: { 204: null },
      errors: ['STORAGE_UNAVAILABLE'],
      async handle({ caller, params }) {
        await deleteUpload(engine, caller, params.key ?? '');
        return { status: 204 };
      },
    }),
  ];
}

const FILE = z.string().meta({ description: 'application/octet-stream', format: 'binary' });

function toFileResource({ settings }: Engine, row: UploadRow): FileResource {
  const { name, tenant, bytes, contentType, sha256, createdAt, expiresAt } = row;
  const key = toFileKey(row);
  return {
    key,
    url: `${settings.publicUrl ?? ''}${FILES_PATH}${key}`,
    name,
    tenant,
    bytes,
    contentType,
    sha256,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}
