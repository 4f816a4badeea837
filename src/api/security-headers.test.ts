import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import helmet from 'helmet';
import { describe, expect, it } from 'vitest';
import { secureAnswers } from './security-headers.ts';

const OWN = "default-src 'none'";
const asHelmet = helmet({ contentSecurityPolicy: { directives: { 'upgrade-insecure-requests': null } } });

/** An app that answers in every way in which the API does. */
function createApp(secure: (app: Express) => void): Express {
  const app = express();
  app.set('env', 'test'); // Express prints no errors then
  secure(app);
  app.get('/express', (_request, response) => void response.json({}));
  app.get('/unchanged', (_request, response) => void response.status(304).end());
  app.get('/stream', (_request, response) => void response.writeHead(200, { 'Content-Type': 'text/plain' }).end('1'));
  app.get('/list', (_request, response) => void response.writeHead(202, ['Content-Length', '1']).end('1'));
  app.get('/own', (_request, response) => void response.set('Content-Security-Policy', OWN).send('1'));
  app.get('/broken', () => {
    throw new Error('on purpose');
  });
  return app;
}

async function readHeaders(app: Express, method: string, path: string): Promise<Record<string, string>> {
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const { date: _, ...headers } = Object.fromEntries(
      (await fetch(`http://127.0.0.1:${port}${path}`, { method })).headers,
    );
    return headers;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('secureAnswers', () => {
  const calls = ['GET /express', 'HEAD /express', 'OPTIONS /express', 'GET /unchanged', 'GET /stream', 'GET /list'];
  it.each([...calls, 'GET /own', 'GET /nowhere'])('adds what helmet adds: %s', async (call) => {
    const [method = '', path = ''] = call.split(' ');
    const headers = await readHeaders(createApp(secureAnswers), method, path);
    expect(headers).toHaveProperty('strict-transport-security');
    expect(headers).toEqual(
      await readHeaders(
        createApp((app) => app.use(asHelmet)),
        method,
        path,
      ),
    );
  });

  it('keeps what an answer says itself', async () => {
    const headers = await readHeaders(createApp(secureAnswers), 'GET', '/own');
    expect(headers['content-security-policy']).toBe(OWN);
  });

  it('adds them to the answer of an error too, which may have a stricter policy of its own', async () => {
    const headers = await readHeaders(createApp(secureAnswers), 'GET', '/broken');
    expect(headers).toMatchObject({ 'content-security-policy': OWN, 'x-content-type-options': 'nosniff' });
    expect(headers).not.toHaveProperty('x-powered-by');
  });
});
