import { once } from 'node:events';
import { request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Problem } from '../../src/contract/program.ts';
import { Installation, type Program } from '../support/program.ts';

const KEY = 'a-key-of-the-tests-0123456789';

describe('with ADMIN_KEY', () => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create({ settings: { ADMIN_KEY: KEY } });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  it.each([
    ['no key', {}],
    ['another key', { authorization: `Bearer ${KEY}x` }],
    ['a beginning of the key', { authorization: `Bearer ${KEY.slice(0, -1)}` }],
    ['another scheme', { authorization: `Basic ${Buffer.from(`x:${KEY}`).toString('base64')}` }],
    ['the bare key', { authorization: KEY }],
  ])('answers 401 to %s, before it looks at anything else', async (_what, headers) => {
    const id = '01980000-0000-7000-8000-000000000001';
    const paths = [
      '/v1/jobs',
      `/v1/jobs/${id}`,
      `/v1/jobs/${id}/events`,
      `/v1/files/${id}-a.txt`,
      '/v1/types',
      '/v1/queues',
      '/v1/stats',
    ];
    const calls = [
      ...paths.map((path) => program.call<Problem>(path, { headers })),
      program.call<Problem>('/v1/jobs', { method: 'POST', text: 'not even JSON', headers }),
      program.call<Problem>(`/v1/jobs/${id}/cancel`, { method: 'POST', headers }),
      program.call<Problem>('/v1/queues/test/pause', { method: 'POST', headers }),
    ];
    for (const answer of await Promise.all(calls)) {
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json\b/);
      expect(answer.body).toMatchObject({ code: 'UNAUTHENTICATED', status: 401 });
    }
  });

  it('lets the key in', async () => {
    const headers = { authorization: `Bearer ${KEY}` };
    const created = await program.call('/v1/jobs', { json: { type: 'test:echo', input: 1 }, headers });
    expect(created.status).toBe(202);
    expect((await program.call('/v1/stats', { headers: { authorization: `bearer  ${KEY}` } })).status).toBe(200);
  });

  it('keeps the health checks open', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/v1/openapi.json']) {
      expect((await program.call(path)).status).toBe(200);
    }
  });

  it('answers under any name, for the key is enough', async () => {
    const headers = { host: 'jobs.example.com', authorization: `Bearer ${KEY}` };
    expect(await getWithHost(program, '/v1/stats', headers)).toMatchObject({ status: 200 });
  });
});

describe('without any key', () => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create();
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  it('listens on this machine alone, and says so', async () => {
    expect(program.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(program.output).toMatch(/ADMIN_KEY/);
    const port = new URL(program.url).port;
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === 'IPv4' && !address.internal);
    if (!outside) return; // a machine without a network
    await expect(fetch(`http://${outside.address}:${port}/health`)).rejects.toThrow();
  });

  it.each(['127.0.0.1', 'localhost', '[::1]', 'LOCALHOST'])('answers a caller that says Host: %s', async (host) => {
    const port = new URL(program.url).port;
    expect((await getWithHost(program, '/v1/stats', { host: `${host}:${port}` })).status).toBe(200);
  });

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1'])(
    'refuses a page whose name was made to mean this machine (Host: %s)',
    async (host) => {
      const { status, body } = await getWithHost(program, '/v1/stats', { host });
      expect(status).toBe(403);
      expect(JSON.parse(body)).toMatchObject({ code: 'FORBIDDEN', status: 403 });
    },
  );

  it('refuses what a page from elsewhere posts through a browser', async () => {
    const pause = (headers: Record<string, string>) =>
      program.call<Problem>('/v1/queues/test/pause', { method: 'POST', headers });
    for (const origin of ['https://evil.example', 'http://localhost.evil.example', 'null']) {
      expect(await pause({ origin })).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    }
    expect((await pause({ origin: program.url })).status).toBe(200);
  });
});

describe('at start', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.create();
  });
  afterAll(() => installation?.remove());

  it.each(['api', 'all'])('refuses to listen beyond this machine without a key, with MODE=%s', async (mode) => {
    const program = installation.launch({ MODE: mode, HOST: '0.0.0.0' });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.output).toMatch(/HOST is "0\.0\.0\.0", and ADMIN_KEY is not set/);
  });

  it('listens everywhere with a key; a worker, which only has health checks, also without', async () => {
    const api = await installation.start({ MODE: 'api', HOST: '0.0.0.0', ADMIN_KEY: KEY });
    expect((await api.call('/health')).status).toBe(200);
    const worker = await installation.start({ MODE: 'worker', HOST: '0.0.0.0' });
    expect((await worker.call('/health')).status).toBe(200);
    expect((await worker.call('/v1/jobs')).status).toBe(404);
    await Promise.all([api.stop(), worker.stop()]);
  });

  it.each(['json', 'pretty'])('never writes a secret, in %s lines at level debug', async (format) => {
    const password = 'tops-secret-password';
    const secret = `whsec_${Buffer.from('a secret that nobody may see').toString('base64')}`;
    const databaseUrl = new URL(installation.settings.DATABASE_URL as string);
    const password0 = databaseUrl.password;
    const settings = { LOG_FORMAT: format, LOG_LEVEL: 'debug', ADMIN_KEY: KEY, WEBHOOK_SECRET: secret };
    const program = await installation.start(settings);
    const headers = { authorization: `Bearer ${KEY}` };
    await program.call('/v1/jobs', { json: { type: 'test:echo', input: 1 }, headers });
    await program.stop();

    databaseUrl.password = password;
    const refused = installation.launch({ ...settings, DATABASE_URL: databaseUrl.href });
    const invalid = installation.launch({ ...settings, ADMIN_KEY: 'too-short', WEBHOOK_SECRET: 'whsec_nonsense' });
    await Promise.all([refused.ended, invalid.ended]);
    for (const { output } of [program, refused, invalid]) {
      expect(output).not.toBe('');
      for (const hidden of [KEY, secret, password, password0, 'too-short', 'whsec_nonsense']) {
        expect(output).not.toContain(hidden);
      }
    }
  });
});

/** `fetch` does not let a caller choose the Host. */
async function getWithHost(program: Program, path: string, headers: Record<string, string>) {
  const sent = request(program.url + path, { headers }).end();
  const [response] = await once(sent, 'response');
  return { status: response.statusCode as number, body: await text(response) };
}
