import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createOutbound, type Lookup, type Outbound, type OutboundOptions } from './outbound.ts';

const strict = { allowPrivate: false, allow: [] };
const loopback = { allowPrivate: false, allow: ['127.0.0.0/8'] };
const refused = { name: 'AppError', code: 'ADDRESS_REFUSED' };

const servers: Server[] = [];
const outbounds: Outbound[] = [];
afterEach(async () => {
  await Promise.all(outbounds.splice(0).map((outbound) => outbound.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(listener: RequestListener, host = '127.0.0.1'): Promise<{ port: number; hits: () => number }> {
  let hits = 0;
  const server = createServer((request, response) => {
    hits += 1;
    listener(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return { port: (server.address() as AddressInfo).port, hits: () => hits };
}

function open(rules: Parameters<typeof createOutbound>[0], options?: OutboundOptions): Outbound {
  const outbound = createOutbound(rules, options);
  outbounds.push(outbound);
  return outbound;
}

/** Answers each question with the next list; the last one for ever. */
function answer(...lists: string[][]): Lookup & { asked: string[] } {
  const asked: string[] = [];
  const lookup: Lookup = async (host) => {
    const list = lists[Math.min(asked.length, lists.length - 1)] ?? [];
    asked.push(host);
    return list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return Object.assign(lookup, { asked });
}

describe('fetch', () => {
  it('sends method, headers and body to an allowed address and returns the answer', async () => {
    const { port } = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      response.end(`${request.method} ${request.headers['x-a']} ${Buffer.concat(chunks)}`);
    });
    const response = await open(loopback).fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'x-a': 'b' },
      body: new TextEncoder().encode('hello'),
    });
    expect(await response.text()).toBe('POST b hello');
  });

  it.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '0177.0.0.1', '127.0.0.1.', '0.0.0.0'])(
    'refuses the literal %s before it connects',
    async (host) => {
      const { port, hits } = await serve((_, response) => response.end());
      await expect(open(strict).fetch(`http://${host}:${port}/`)).rejects.toMatchObject(refused);
      expect(hits()).toBe(0);
    },
  );

  it('refuses https to a refused address too', async () => {
    await expect(open(strict).fetch('https://127.0.0.1:8443/')).rejects.toMatchObject(refused);
  });

  it('refuses a name that the real resolver leads to this machine', async () => {
    const { port, hits } = await serve((_, response) => response.end());
    await expect(open(strict).fetch(`http://localhost:${port}/`)).rejects.toMatchObject(refused);
    expect(hits()).toBe(0);
  });

  it('names host, address and settings in the refusal', async () => {
    const outbound = open(strict, { lookup: answer(['10.0.0.9']) });
    await expect(outbound.fetch('http://intranet.example/')).rejects.toThrow(
      /intranet\.example resolves to 10\.0\.0\.9.*private.*OUTBOUND_ALLOW_PRIVATE.*OUTBOUND_ALLOW/,
    );
  });

  it('refuses at connection time a name that was public when it was checked (DNS rebinding)', async () => {
    const { port, hits } = await serve((_, response) => response.end());
    const lookup = answer(['93.184.215.14'], ['127.0.0.1']);
    const outbound = open(strict, { lookup });
    await outbound.checkUrl(`http://rebind.example:${port}/`);
    await expect(outbound.fetch(`http://rebind.example:${port}/`)).rejects.toMatchObject(refused);
    expect(lookup.asked).toEqual(['rebind.example', 'rebind.example']);
    expect(hits()).toBe(0);
  });

  it('connects only to the allowed ones of several addresses', async () => {
    const { port, hits } = await serve((_, response) => response.end('reached'));
    const url = `http://mixed.example:${port}/`;
    const lookup = answer(['10.0.0.1', '127.0.0.1']);
    expect(await (await open(loopback, { lookup }).fetch(url)).text()).toBe('reached');
    const other = open({ allowPrivate: false, allow: ['::1'] }, { lookup: answer(['127.0.0.1', '::1']) });
    await expect(other.fetch(url)).rejects.toThrow('fetch failed');
    expect(hits()).toBe(1);
  });

  it('refuses a name that resolves to a mapped private address', async () => {
    const outbound = open(strict, { lookup: answer(['::ffff:10.0.0.1']) });
    await expect(outbound.fetch('http://mapped.example/')).rejects.toMatchObject(refused);
  });

  it('calls a listed host name wherever it resolves to', async () => {
    const { port } = await serve((_, response) => response.end('inside'));
    const outbound = open({ allowPrivate: false, allow: ['intranet.example'] }, { lookup: answer(['127.0.0.1']) });
    expect(await (await outbound.fetch(`http://intranet.example:${port}/`)).text()).toBe('inside');
    await expect(outbound.fetch(`http://other.example:${port}/`)).rejects.toMatchObject(refused);
  });

  it('calls nothing but OUTBOUND_HOSTS where they are listed, and does not even look up other names', async () => {
    const { port, hits } = await serve((_, response) => response.end('listed'));
    const lookup = answer(['127.0.0.1']);
    const outbound = open({ ...loopback, hosts: ['api.example'] }, { lookup });
    expect(await (await outbound.fetch(`http://api.example:${port}/`)).text()).toBe('listed');
    for (const host of ['127.0.0.1', 'other.example']) {
      await expect(outbound.fetch(`http://${host}:${port}/`)).rejects.toThrow(
        `${host} is not listed in OUTBOUND_HOSTS`,
      );
      await expect(outbound.checkUrl(`http://${host}:${port}/`)).rejects.toMatchObject(refused);
    }
    expect(lookup.asked).toEqual(['api.example']);
    expect(hits()).toBe(1);
  });

  it('follows redirects between allowed addresses', async () => {
    const { port } = await serve((request, response) => {
      if (request.url === '/end') response.end('there');
      else response.writeHead(302, { location: '/end' }).end();
    });
    const response = await open(loopback).fetch(`http://127.0.0.1:${port}/`);
    expect(await response.text()).toBe('there');
    expect(response.url).toBe(`http://127.0.0.1:${port}/end`);
  });

  it.each(['http://169.254.169.254/latest/meta-data', 'http://[::1]:8123/', 'http://inner.example/'])(
    'refuses a redirect from an allowed address to %s',
    async (location) => {
      const { port } = await serve((_, response) => response.writeHead(307, { location }).end());
      const outbound = open(loopback, { lookup: answer(['192.168.0.10']) });
      await expect(outbound.fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject(refused);
    },
  );

  it('returns a redirect unfollowed when asked to', async () => {
    const { port } = await serve((_, response) => response.writeHead(302, { location: 'http://10.0.0.1/' }).end());
    const response = await open(loopback).fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe('http://10.0.0.1/');
  });

  it.each(['file:///etc/passwd', 'data:text/plain,x', 'ftp://example.com/', 'nonsense', 'http://'])(
    'refuses %s: only http and https',
    async (url) => {
      await expect(open(strict).fetch(url)).rejects.toMatchObject(refused);
    },
  );

  it('refuses a password in the URL without repeating it', async () => {
    const failure = await open(strict)
      .fetch('http://me:hunter2@example.com/')
      .catch((error: Error) => error);
    expect(failure).toMatchObject(refused);
    expect(String((failure as Error).message)).not.toContain('hunter2');
  });

  it('keeps the cause of a network fault, which is no refusal', async () => {
    const { port } = await serve((request) => request.socket.destroy());
    const failure = await open(loopback)
      .fetch(`http://127.0.0.1:${port}/`)
      .catch((error: Error) => error);
    expect(failure).toMatchObject({ name: 'TypeError', cause: expect.any(Error) });
  });

  it('ends with the reason of its signal', async () => {
    const controller = new AbortController();
    const { port } = await serve(() => controller.abort(new Error('cancelled by a person')));
    await expect(open(loopback).fetch(`http://127.0.0.1:${port}/`, { signal: controller.signal })).rejects.toThrow(
      'cancelled by a person',
    );
  });
});

describe('checkUrl', () => {
  it.each(['http://127.0.0.1/', 'https://[fd00::1]/', 'http://[::ffff:a9fe:a9fe]/', 'ftp://example.com'])(
    'refuses %s',
    async (url) => {
      await expect(open(strict).checkUrl(url)).rejects.toMatchObject(refused);
    },
  );

  it('refuses a name all of whose addresses are refused', async () => {
    const outbound = open(strict, { lookup: answer(['10.0.0.1', 'fd00::1']) });
    await expect(outbound.checkUrl('https://hook.example/')).rejects.toMatchObject(refused);
  });

  it('passes public literals, listed hosts and names with a public address', async () => {
    const outbound = open({ allowPrivate: false, allow: ['intranet'] }, { lookup: answer(['10.0.0.1', '8.8.8.8']) });
    await outbound.checkUrl('https://8.8.8.8/');
    await outbound.checkUrl('https://intranet/');
    await outbound.checkUrl(new URL('https://hook.example/'));
  });

  it('passes when DNS fails or is too slow: the connection decides later', async () => {
    const failing: Lookup = () => Promise.reject(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }));
    await open(strict, { lookup: failing }).checkUrl('https://hook.example/');
    await open(strict, { lookup: answer([]) }).checkUrl('https://hook.example/');
    const silent: Lookup = () => new Promise(() => {});
    await open(strict, { lookup: silent, checkTimeoutMs: 1 }).checkUrl('https://hook.example/');
  });
});

describe('close', () => {
  it('ends a running request, lets no new one start, and may be called twice', async () => {
    const arrived = Promise.withResolvers<void>();
    const { port } = await serve(() => arrived.resolve());
    const outbound = open(loopback);
    const ended = expect(outbound.fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
    await arrived.promise;
    await Promise.all([outbound.close(), outbound.close()]);
    await ended;
    await expect(outbound.fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');
  });
});
