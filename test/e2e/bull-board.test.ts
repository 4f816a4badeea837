import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Installation, type Program } from '../support/program.ts';

const KEY = 'a-key-of-the-tests-0123456789';
const basic = { authorization: `Basic ${Buffer.from(`anybody:${KEY}`).toString('base64')}` };

interface Board {
  queues: { name: string; counts: Record<string, number>; isPaused: boolean }[];
}

describe('/ui/queues with Redis', () => {
  let installation: Installation;
  let program: Program;

  beforeAll(async () => {
    installation = await Installation.create({ transport: 'bullmq', settings: { ADMIN_KEY: KEY } });
    program = await installation.start();
  });
  afterAll(() => installation?.remove());

  it.each([
    ['no key', {}],
    ['another key', { authorization: `Basic ${Buffer.from('x:y').toString('base64')}` }],
    ['a key where the name should be', { authorization: `Basic ${Buffer.from(`${KEY}:`).toString('base64')}` }],
  ])('asks for the key: %s', async (_what, headers: Record<string, string>) => {
    for (const path of ['/ui/queues', '/ui/queues/api/queues', '/ui/queues/static/favicon-32x32.png']) {
      const answer = await program.call(path, { headers });
      expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="Longshore"');
    }
  });

  it.each([
    ['as the password of any name', basic],
    ['as a bearer', { authorization: `Bearer ${KEY}` }],
  ])('takes the key %s, and shows a page that loads nothing from elsewhere', async (_how, headers) => {
    const page = await program.call<string>('/ui/queues', { headers });
    expect(page.status).toBe(200);
    expect(page.body).not.toMatch(/(?:src|href)="(https?:)?\/\//);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(page.headers.get('x-powered-by')).toBeNull();
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    for (const [, file] of page.body.matchAll(/<(?:script|link)[^>]* (?:src|href)="([^"]+)"/g)) {
      expect((await program.call(`/ui/queues/${file}`, { headers })).status).toBe(200);
    }
  });

  it('lists the queues of BullMQ, and acts on them', async () => {
    const read = async () => (await program.call<Board>('/ui/queues/api/queues', { headers: basic })).body.queues;
    expect((await read()).map(({ name }) => name)).toEqual(expect.arrayContaining(['http', 'test']));
    const act = (verb: string, headers: Record<string, string>) =>
      program.call(`/ui/queues/api/queues/test/${verb}`, { method: 'PUT', headers: { ...basic, ...headers } });
    expect((await act('pause', { 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect((await read()).find(({ name }) => name === 'test')).toMatchObject({ isPaused: true });
    expect((await act('resume', { origin: program.url })).status).toBe(200);
  });

  it('lets no page of somebody else act, although the browser sends the key along', async () => {
    const sites: Record<string, string>[] = [
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'https://evil.example' },
    ];
    for (const site of sites) {
      const put = { method: 'PUT', headers: { ...basic, ...site } };
      expect(await program.call('/ui/queues/api/queues/test/pause', put)).toMatchObject({ status: 403 });
    }
  });
});

describe('/ui/queues without Redis', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await Installation.create();
  });
  afterAll(() => installation?.remove());

  it('says why there is nothing to show', async () => {
    const program = await installation.start();
    expect(await program.call('/ui/queues')).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', detail: expect.stringContaining('REDIS_URL is not set') },
    });
  });
});
