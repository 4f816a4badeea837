import { z } from 'zod';
import type { Engine } from '../../engine/engine.ts';
import { findFile } from '../../engine/files.ts';
import { type Route, route } from '../route.ts';
import { sendFile } from '../send-file.ts';

/** The files that jobs have made. */
export function fileRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/files/{key}',
      scope: 'jobs:read',
      summary: 'Read a file that a job has made, or a range of it',
      answers: { 200: FILE, 206: FILE, 304: null },
      async handle({ caller, params, request }, response) {
        const found = await findFile(engine, caller, params.key ?? '');
        await sendFile(request, response, engine.storage, found);
        return undefined;
      },
    }),
  ];
}

const FILE = z.string().meta({ description: 'application/octet-stream', format: 'binary' });
