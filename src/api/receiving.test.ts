import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Request } from 'express';
import { afterEach, expect, it, vi } from 'vitest';
import { limitReceiving, readStream } from './receiving.ts';

afterEach(() => {
  vi.useRealTimers();
});

function fakeRequest(more: Partial<Request> = {}) {
  return { headers: { 'content-length': '10' }, complete: false, destroy: vi.fn(), ...more } as unknown as Request;
}

it('closes the connection of who has not sent its body within a minute', () => {
  vi.useFakeTimers();
  const [slow, read, bodiless] = [fakeRequest(), fakeRequest(), fakeRequest({ headers: {} })];
  limitReceiving(slow);
  limitReceiving(read)();
  limitReceiving(bodiless);
  const arrived = fakeRequest();
  limitReceiving(arrived);
  Object.assign(arrived, { complete: true });
  vi.advanceTimersByTime(60_000);
  expect(slow.destroy).toHaveBeenCalledOnce();
  for (const each of [read, bodiless, arrived]) expect(each.destroy).not.toHaveBeenCalled();
});

it('gives up a stream that breaks off, and lets who stops reading answer', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const send = () => request({ port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': 10 } });
  try {
    const broken = send();
    broken.on('error', () => undefined); // it is cut off below
    broken.write('half');
    const [received] = (await once(server, 'request')) as [IncomingMessage];
    const reading = readStream(received as Request, () => undefined);
    expect(String((await reading.next()).value)).toBe('half');
    broken.destroy();
    await expect(reading.next()).rejects.toMatchObject({ code: 'INVALID_REQUEST' });

    const refused = send();
    refused.write('half');
    const [second, response] = await once(server, 'request');
    const stopped = readStream(second as Request, () => undefined);
    await stopped.next();
    await stopped.return(undefined);
    response.writeHead(413).end();
    const [answer] = (await once(refused, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(413);
    refused.destroy();
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
