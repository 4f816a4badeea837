import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { findFreePort } from './free-port.ts';

/** What stands between a program and its server. */
interface Pipe {
  client: Socket;
  server: Socket;
  /** Bytes are taken and never passed on; nobody hears that the other side has left. */
  isDead: boolean;
  /** The client hangs: it reads nothing, and its end is not told either. */
  isDeaf: boolean;
}

/** A network that a test can break: stands in front of PostgreSQL or Redis. */
export class TcpProxy {
  readonly #targetPort: number;
  readonly #pipes = new Set<Pipe>();
  #server: Server | undefined;
  readonly #port: number;
  #isStalled = false;
  #delayMs = 0;

  private constructor(targetPort: number, port: number) {
    this.#targetPort = targetPort;
    this.#port = port;
  }

  /** @param target the URL of a server on this machine */
  static async start(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(Number(new URL(target).port), await findFreePort());
    await proxy.pass();
    return proxy;
  }

  /** The same address, but through this proxy. */
  route(target: string): string {
    const url = new URL(target);
    url.host = `127.0.0.1:${this.#port}`;
    return url.href;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#pipes.size;
  }

  /** Lets new connections through. Those that were stalled stay dead: a network that comes back knows them no more. */
  async pass(): Promise<void> {
    this.#isStalled = false;
    this.#delayMs = 0;
    if (this.#server) return;
    const server = createServer((client) => this.#open(client));
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
  }

  /** Breaks every connection with a reset. New ones pass. */
  cut(): void {
    for (const { client, server } of this.#pipes) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Breaks every connection and refuses new ones, until `pass`. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = server && once(server, 'close');
    server?.close();
    this.cut();
    await closed;
  }

  /** Half-open: connections, also new ones, take every byte and deliver none. Nobody is told. Until `pass`. */
  stall(): void {
    this.#isStalled = true;
    for (const pipe of this.#pipes) pipe.isDead = true;
  }

  /** As if the program hung: nobody reads what the server sends on the connections that are open now. */
  deafen(): void {
    for (const pipe of this.#pipes) {
      pipe.isDeaf = true;
      pipe.server.pause();
    }
  }

  /** Holds every byte back for a while, both ways. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  async stop(): Promise<void> {
    await this.refuse();
  }

  #open(client: Socket): void {
    const server = connect(this.#targetPort, '127.0.0.1');
    const pipe: Pipe = { client, server, isDead: this.#isStalled, isDeaf: false };
    this.#pipes.add(pipe);
    this.#forward(pipe, client, server);
    this.#forward(pipe, server, client);
  }

  #forward(pipe: Pipe, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      if (pipe.isDead) return;
      if (this.#delayMs === 0) to.write(chunk);
      else setTimeout(() => !pipe.isDead && to.write(chunk), this.#delayMs);
    });
    from.on('error', () => {}); // the close that follows is all that counts
    from.on('close', () => {
      if (!pipe.isDead && !pipe.isDeaf) to.destroy();
      if (from.destroyed && to.destroyed) this.#pipes.delete(pipe);
    });
  }
}
