import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';
import { waitFor } from './wait-for.ts';

describe('TcpProxy', () => {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)); // an echo
  const sockets: Socket[] = [];
  let proxy: TcpProxy;

  beforeEach(async () => {
    if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
    proxy = await TcpProxy.start(`tcp://user@127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await proxy.stop();
  });

  /** A connection through the proxy, what came back on it, and how it ended. */
  async function open() {
    const socket = connect(Number(new URL(proxy.route('tcp://localhost:1')).port), '127.0.0.1');
    sockets.push(socket);
    const seen = { socket, text: '', isClosed: false, error: '' };
    socket.on('data', (chunk) => {
      seen.text += chunk.toString();
    });
    socket.on('error', (error) => {
      seen.error = (error as NodeJS.ErrnoException).code ?? error.message;
    });
    socket.on('close', () => {
      seen.isClosed = true;
    });
    await waitFor(() => socket.readyState === 'open' || seen.isClosed, { describe: 'a connection' });
    return seen;
  }

  const hears = (seen: { text: string }, text: string) =>
    waitFor(() => seen.text === text, { describe: `"${text}" comes back` });
  const isClosed = (seen: { isClosed: boolean }) => waitFor(() => seen.isClosed, { describe: 'the connection closes' });

  it('passes bytes both ways, at once or later, and the end of a connection', async () => {
    const seen = await open();
    seen.socket.write('one');
    await hears(seen, 'one');
    proxy.delay(50);
    seen.socket.write(' two');
    await hears(seen, 'one two');
    seen.socket.end();
    await isClosed(seen);
    await waitFor(() => proxy.connections === 0, { describe: 'the proxy forgets it' });
  });

  it('keeps the address, but for host and port', () => {
    const port = new URL(proxy.route('tcp://localhost:1')).port;
    expect(proxy.route('postgres://me:secret@127.0.0.1:5432/db?sslmode=disable')).toBe(
      `postgres://me:secret@127.0.0.1:${port}/db?sslmode=disable`,
    );
  });

  it('cuts what is open, and lets new connections pass', async () => {
    const first = await open();
    proxy.cut();
    await isClosed(first);
    expect(first.error).toBe('ECONNRESET');
    const second = await open();
    second.socket.write('again');
    await hears(second, 'again');
  });

  it('refuses connections until it passes them again, on the same port', async () => {
    await proxy.refuse();
    const refused = await open();
    await isClosed(refused);
    expect(refused.error).toBe('ECONNREFUSED');
    await proxy.pass();
    const passed = await open();
    passed.socket.write('back');
    await hears(passed, 'back');
  });

  it('takes bytes and forwards none while it stalls, tells nobody, and never revives what it stalled', async () => {
    const old = await open();
    proxy.stall();
    const fresh = await open();
    old.socket.write('lost');
    fresh.socket.write('lost');
    await proxy.pass();
    const passed = await open();
    passed.socket.write('through'); // takes the way that the lost bytes would have taken before it
    await hears(passed, 'through');
    for (const stalled of [old, fresh]) expect(stalled).toMatchObject({ text: '', isClosed: false });
  });
});
