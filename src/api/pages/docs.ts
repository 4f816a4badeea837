import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Response } from 'express';
import { DOCS_HTML, DOCS_SCRIPT, DOCS_STYLE } from './docs-parts.ts';
import { type Page, writePolicy } from './page.ts';

/** Of Swagger UI; what else its package holds is not for this page. */
const FILES = ['swagger-ui.css', 'swagger-ui-bundle.js'];
const PARTS = new Map([
  ['start.js', DOCS_SCRIPT],
  ['page.css', DOCS_STYLE],
]);
const MAX_AGE_MS = 3_600_000;

/** The API, to read and to try: `/docs`. It loads nothing from elsewhere, and has no secrets, so nobody is asked for a key. */
export const docsPage: Page = (app) => {
  app.get('/docs', (_request, response) => {
    secure(response).type('html').send(DOCS_HTML);
  });
  app.get('/docs/:file', (request, response, next) => {
    const { file } = request.params;
    const part = PARTS.get(file);
    if (part !== undefined) secure(response).type(file).send(part);
    else if (FILES.includes(file)) secure(response).sendFile(file, { root: findFolder(), maxAge: MAX_AGE_MS });
    else next();
  });
};

function secure(response: Response): Response {
  return response.set('Content-Security-Policy', writePolicy({}));
}

/**
 * Where the files of Swagger UI are: beside this one in the package. The build copies them: its own package would tell
 * a third party of each installation of ours.
 */
function findFolder(): string {
  const built = fileURLToPath(new URL('./swagger-ui/', import.meta.url));
  if (existsSync(built)) return built;
  return dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
}
