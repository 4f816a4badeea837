import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createLoopbackSite } from '../../test/support/loopback-site.ts';
import { HostSlots } from './outbound-hops.ts';

const site = createLoopbackSite({ perHost: 2 });
afterEach(() => site.close());

describe('a redirect', () => {
  const secrets = { authorization: 'Bearer a', cookie: 'b=c', 'x-api-key': 'd', 'proxy-authorization': 'e' };
  const harmless = { accept: 'text/plain', range: 'bytes=0-9' };

  it('to another origin carries no header that may be secret, also not when it leads back', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const home = await site.serve((request, response) => {
      seen.push(request.headers);
      if (request.url === '/start') response.writeHead(302, { location: `${other}/` }).end();
      else response.end('back');
    });
    const other = await site.serve((request, response) => {
      seen.push(request.headers);
      response.writeHead(307, { location: `${home}/end` }).end();
    });
    const response = await site.fetch(`${home}/start`, { headers: { ...secrets, ...harmless } });
    expect(await response.text()).toBe('back');
    expect(seen[0]).toMatchObject({ ...secrets, ...harmless });
    for (const headers of seen.slice(1)) {
      expect(headers).toMatchObject(harmless);
      for (const name of Object.keys(secrets)) expect(headers[name], name).toBeUndefined();
    }
    expect(seen).toHaveLength(3);
  });

  it('within one origin carries them all', async () => {
    const base = await site.serve((request, response) => {
      if (request.url === '/start') response.writeHead(302, { location: '/end' }).end();
      else response.end(request.headers['x-api-key']);
    });
    expect(await (await site.fetch(`${base}/start`, { headers: secrets })).text()).toBe('d');
  });

  it('is followed 20 times at most', async () => {
    let calls = 0;
    const base = await site.serve((_, response) => {
      calls += 1;
      response.writeHead(302, { location: `/${calls}` }).end();
    });
    await expect(site.fetch(base)).rejects.toThrow('fetch failed');
    expect(calls).toBe(21);
  });
});

describe('requests to one host', () => {
  it('wait beyond the limit, whatever their port, and come in turn', async () => {
    const held: ServerResponse[] = [];
    let most = 0;
    const listener = (_: unknown, response: ServerResponse) => {
      held.push(response);
      most = Math.max(most, held.length);
      if (held.length >= 2) setImmediate(() => held.splice(0).forEach((each) => void each.end('ok')));
    };
    const bases = [await site.serve(listener), await site.serve(listener)];
    const answers = Array.from({ length: 8 }, (_, index) =>
      site.fetch(`${bases[index % 2]}/`).then((response) => response.text()),
    );
    expect(await Promise.all(answers)).toEqual(Array(8).fill('ok'));
    expect(most).toBe(2);
  });

  it('give up their place in the queue with their signal, and free their slot when they fail', async () => {
    const arrived = Promise.withResolvers<void>();
    let calls = 0;
    const base = await site.serve((request, response) => {
      calls += 1;
      if (calls === 2) arrived.resolve();
      if (request.url === '/free') response.end('free');
    });
    const first = new AbortController();
    const held = [1, 2].map(() => expect(site.fetch(base, { signal: first.signal })).rejects.toThrow('enough'));
    await arrived.promise;
    const cancel = new AbortController();
    const waiting = expect(site.fetch(base, { signal: cancel.signal })).rejects.toThrow('too long');
    cancel.abort(new Error('too long'));
    await waiting;
    const next = site.fetch(`${base}/free`);
    first.abort(new Error('enough'));
    await Promise.all(held);
    expect(await (await next).text()).toBe('free');
    expect(calls).toBe(3);
  });
});

describe('HostSlots', () => {
  it('begins what waits in the order in which it came, each host on its own', async () => {
    const slots = new HostSlots(1);
    const begun: string[] = [];
    const enter = (host: string, name: string) => slots.enter(host, () => begun.push(name));
    enter('a', 'a1');
    const second = enter('a', 'a2');
    enter('a', 'a3');
    enter('b', 'b1');
    expect(begun).toEqual(['a1', 'b1']);
    expect(second.cancel()).toBe(true);
    slots.leave('a');
    await Promise.resolve();
    expect(begun).toEqual(['a1', 'b1', 'a3']);
    slots.leave('a');
    enter('a', 'a4');
    expect(begun.at(-1)).toBe('a4');
  });
});
