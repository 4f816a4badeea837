import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createLoopbackSite } from '../../test/support/loopback-site.ts';

const site = createLoopbackSite({ maxBytes: 1000 });
const hasty = createLoopbackSite({ timeoutMs: 20 });
afterEach(() => Promise.all([site.close(), hasty.close()]));

const tooLarge = { name: 'AppError', code: 'RESPONSE_TOO_LARGE' };
const tooLate = { name: 'AppError', code: 'OUTBOUND_TIMEOUT' };

describe('the limit on bytes', () => {
  it('lets pass what has exactly as many, with url, status and headers as they were', async () => {
    const base = await site.serve((_, response) => {
      response.writeHead(201, 'Made', { 'x-a': 'b', 'set-cookie': ['a=1', 'b=2'] }).end('x'.repeat(10));
    });
    const response = await site.fetch(`${base}/a?b`, { maxBytes: 10 });
    expect(response).toMatchObject({
      status: 201,
      ok: true,
      statusText: 'Made',
      url: `${base}/a?b`,
      redirected: false,
    });
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.text()).toBe('x'.repeat(10));
  });

  it('refuses an answer that says it is larger before it is read', async () => {
    const base = await site.serve((_, response) => response.writeHead(200, { 'content-length': '11' }).write('x'));
    await expect(site.fetch(base, { maxBytes: 10 })).rejects.toMatchObject(tooLarge);
  });

  it('breaks off a body that grows beyond it, and the connection with it', async () => {
    const closed = Promise.withResolvers<void>();
    const base = await site.serve((_, response) => {
      response.once('close', closed.resolve);
      response.write('x'.repeat(11)); // and never ends
    });
    const response = await site.fetch(base, { maxBytes: 10 });
    await expect(response.text()).rejects.toMatchObject(tooLarge);
    await closed.promise;
  });

  it('counts what a compressed answer unpacks to', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    const base = await site.serve((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb));
    const response = await site.fetch(base, { maxBytes: bomb.byteLength * 2 });
    await expect(response.arrayBuffer()).rejects.toMatchObject(tooLarge);
  });

  it('is that of the program where a call allows more, or says nothing', async () => {
    const base = await site.serve((_, response) => response.end('x'.repeat(1001)));
    await expect(site.fetch(base, { maxBytes: 5000 })).rejects.toMatchObject(tooLarge);
    await expect(site.fetch(base)).rejects.toMatchObject(tooLarge);
  });

  it('is not for the size that HEAD tells of', async () => {
    const base = await site.serve((_, response) => response.writeHead(200, { 'content-length': '5000' }).end());
    expect((await site.fetch(base, { method: 'HEAD' })).headers.get('content-length')).toBe('5000');
  });
});

describe('the limit on time', () => {
  it('is that of the program for a call without its own', async () => {
    const base = await hasty.serve(() => {}); // never answers
    await expect(hasty.fetch(base)).rejects.toMatchObject(tooLate);
    await expect(hasty.fetch(base, { timeoutMs: 5 })).rejects.toThrow('no complete answer within 5 ms');
  });

  it('counts the body too', async () => {
    const base = await site.serve((_, response) => response.write('the beginning'));
    const response = await site.fetch(base, { timeoutMs: 2000 }); // enough for the beginning on a busy machine
    await expect(response.text()).rejects.toMatchObject(tooLate);
  });

  it('leaves the reason of the own signal alone', async () => {
    const cancel = new AbortController();
    const base = await site.serve((_, response) => response.write('the beginning'));
    const response = await site.fetch(base, { signal: cancel.signal, timeoutMs: 60_000 });
    const ended = expect(response.text()).rejects.toThrow('cancelled by a person');
    cancel.abort(new Error('cancelled by a person'));
    await ended;
  });
});

describe('a body that is sent part by part', () => {
  it('reaches the server whole', async () => {
    const base = await site.serve(async (request, response) => {
      response.end(`${request.headers['transfer-encoding']} ${await text(request)}`);
    });
    async function* content() {
      yield Buffer.from('one ');
      yield Buffer.from('two');
    }
    const response = await site.fetch(base, { method: 'PUT', body: content() });
    expect(await response.text()).toBe('chunked one two');
  });
});

it('ends the request when its answer is cancelled unread', async () => {
  const closed = Promise.withResolvers<void>();
  const base = await site.serve((_, response) => {
    response.once('close', closed.resolve);
    response.write('x');
  });
  await (await site.fetch(base)).body?.cancel();
  await closed.promise;
});
