import type { Express, Request, RequestHandler, Response } from 'express';
import type { Engine } from '../../engine/engine.ts';
import { AppError, isAppError } from '../../shared/errors.ts';
import type { Door } from '../door.ts';
import { secureAnswers } from '../security-headers.ts';
import { type Page, writePolicy } from './page.ts';

const PATH = '/ui/queues';
/** It makes styles while it runs. */
const POLICY = writePolicy({ 'style-src': "'self' 'unsafe-inline'", 'base-uri': "'self'" });
const SAFE = ['GET', 'HEAD'];

/**
 * The queues of BullMQ as bull-board shows them, for who may see all tenants. A browser asks for the key, as the password
 * of any name. It acts on deliveries in Redis: what becomes of a job is still decided by the record.
 */
export function bullBoardPage(engine: Engine): Page {
  let board: Promise<RequestHandler> | undefined;
  return (app, door) => {
    app.use(PATH, async (request, response, next) => {
      await enter(request, response, door);
      board ??= openBoard(engine).catch((error: unknown) => {
        board = undefined; // the next call tries again
        throw error;
      });
      const show = await board;
      response.set('Content-Security-Policy', POLICY);
      show(request, response, next);
    });
  };
}

/** @throws UNAUTHENTICATED, FORBIDDEN */
async function enter(request: Request, response: Response, door: Door): Promise<void> {
  try {
    const headers = { ...request.headers, authorization: toBearer(request.headers.authorization) };
    await door.enter({ headers }, response, { scope: 'admin', isForAll: true });
  } catch (error) {
    if (isAppError(error, 'UNAUTHENTICATED')) response.set('WWW-Authenticate', 'Basic realm="Longshore"');
    throw error;
  }
  if (!SAFE.includes(request.method)) refuseOtherSites(request);
}

/** `Basic <name:key>`, as a browser has asked for it, as the API takes it. */
function toBearer(authorization = ''): string {
  const basic = /^Basic\s+(\S+)$/i.exec(authorization)?.[1];
  if (basic === undefined) return authorization;
  return `Bearer ${Buffer.from(basic, 'base64')
    .toString()
    .replace(/^[^:]*:/, '')}`;
}

// A browser sends along what it was told once, also when the page of somebody else makes it call.
function refuseOtherSites({ headers }: Request): void {
  const site = headers['sec-fetch-site'];
  const isOwn = site === undefined ? isOwnOrigin(headers) : site === 'same-origin';
  if (!isOwn) throw new AppError('FORBIDDEN', 'only its own page may change what the board shows');
}

function isOwnOrigin({ origin, host }: Request['headers']): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

/** @throws NOT_FOUND where there is nothing to show */
async function openBoard(engine: Engine): Promise<RequestHandler> {
  const { transports, registry } = engine;
  const transport = transports.all.find(({ showBoard }) => showBoard !== undefined);
  if (!transport?.showBoard) {
    throw new AppError(
      'NOT_FOUND',
      'there is no BullMQ to show: REDIS_URL is not set, and PostgreSQL delivers all jobs',
    );
  }
  const { ExpressAdapter } = await import('@bull-board/express');
  const adapter = new ExpressAdapter();
  adapter.setBasePath(PATH);
  const queues = [...registry.queues.keys()].filter((name) => transports.of(name) === transport);
  await transport.showBoard(queues.sort(), adapter);
  const app = adapter.getRouter() as Express;
  secureAnswers(app); // an app within an app makes answers of its own
  keepAtHome(app);
  return app;
}

/** Its page asks Google for fonts, which the policy would refuse; those of the system do as well. */
function keepAtHome(app: Express): void {
  const render = app.render.bind(app) as (
    name: string,
    options: object,
    done: (error: Error, html: string) => void,
  ) => void;
  app.render = ((name: string, options: object, done: (error: Error | null, html?: string) => void) =>
    render(name, options, (error, html) =>
      error ? done(error) : done(null, html.replaceAll(/<link[^>]*href="https?:[^>]*>/g, '')),
    )) as typeof app.render;
}
