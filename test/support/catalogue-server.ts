import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Item = Record<string, unknown>;
type Fault = (response: ServerResponse, path: string) => void;

/** An HTTP API that pages in every way, throttles, fails and falls silent where a test wants it to. */
export class Catalogue {
  readonly #server: Server;
  readonly #token: string;
  /** In the order in which pages show them. */
  readonly records = new Map<string, Item>();
  /** By their paths. */
  readonly files = new Map<string, Buffer>();
  /** Path and query of each request with the right key, in order. */
  readonly log: string[] = [];
  /** The next answer, word for word. */
  raw: string | undefined;
  /** Called when {@link breakAfter} has broken a download. */
  onBreak: (() => void) | undefined;
  #faults = new Map<number, Fault>();
  #breakAfter: number | undefined;
  #next: string | undefined;
  #hold: { reached: PromiseWithResolvers<void>; released: PromiseWithResolvers<void> } | undefined;

  private constructor(server: Server, token: string) {
    this.#server = server;
    this.#token = token;
    server.on('request', (request, response) => this.#answer(request, response));
  }

  static async start(token: string): Promise<Catalogue> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Catalogue(server, token);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  fill(count: number): void {
    for (let index = 0; index < count; index += 1) {
      const id = `r${String(index).padStart(4, '0')}`;
      this.records.set(id, { id, name: `record ${index}`, nested: { index, tags: ['a', 'b'] } });
    }
  }

  /** Answers 500 to the request with this number, from 1, and to the next ones. */
  failAt(request: number, times: number): void {
    for (let number = request; number < request + times; number += 1) {
      this.#faults.set(number, (response) => response.writeHead(500).end('out of order'));
    }
  }

  throttleAt(request: number, retryAfterS: number): void {
    this.#faults.set(request, (response) => response.writeHead(429, { 'retry-after': String(retryAfterS) }).end());
  }

  /** Lets a request wait until {@link release}. */
  holdAt(request: number): void {
    const hold = { reached: Promise.withResolvers<void>(), released: Promise.withResolvers<void>() };
    this.#hold = hold;
    this.#faults.set(request, (response, path) => {
      hold.reached.resolve();
      void hold.released.promise.then(() => this.#page(new URL(path, this.url), response));
    });
  }

  async held(): Promise<void> {
    await this.#hold?.reached.promise;
  }

  release(): void {
    this.#hold?.released.resolve();
  }

  /** Breaks the connection of the next download of a file. */
  breakAfter(bytes: number): void {
    this.#breakAfter = bytes;
  }

  /** Sends the next request elsewhere. */
  redirectTo(location: string): void {
    this.#faults.set(this.log.length + 1, (response) => response.writeHead(302, { location }).end());
  }

  /** What the next Link header leads to. */
  linkTo(url: string): void {
    this.#next = url;
  }

  reset(): void {
    this.release();
    this.records.clear();
    this.files.clear();
    this.log.length = 0;
    this.#faults.clear();
    this.#next = undefined;
    this.raw = undefined;
    this.onBreak = undefined;
  }

  async stop(): Promise<void> {
    this.release();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (request.headers.authorization !== `Bearer ${this.#token}`) {
      response.writeHead(401).end('who are you?');
      return;
    }
    const path = request.url ?? '/';
    this.log.push(path);
    const fault = this.#faults.get(this.log.length);
    const file = this.files.get(path);
    if (fault) fault(response, path);
    else if (file) this.#send(file, response);
    else this.#page(new URL(path, this.url), response);
  }

  #page(url: URL, response: ServerResponse): void {
    const size = Number(url.searchParams.get('limit') ?? 10);
    const at = (name: string) => Number(url.searchParams.get(name) ?? 0);
    const starts: Record<string, number> = {
      '/cursor': at('cursor'),
      '/page': (at('page') - 1) * size,
      '/offset': at('offset'),
      '/link': at('after'),
    };
    const start = starts[url.pathname] ?? 0;
    const data = [...this.records.values()].slice(start, start + size);
    const next = start + size < this.records.size ? start + size : null;
    const link = this.#next ?? (next === null ? undefined : `${url.pathname}?limit=${size}&after=${next}`);
    response.writeHead(200, {
      'content-type': 'application/json',
      ...(url.pathname === '/link' && link ? { link: `</first>; rel="first", <${link}>; rel="next"` } : {}),
    });
    const body = url.pathname === '/cursor' ? { data, next, total: this.records.size } : data;
    response.end(this.raw ?? JSON.stringify(body));
  }

  #send(file: Buffer, response: ServerResponse): void {
    const etag = `"${createHash('sha256').update(file).digest('hex')}"`;
    response.writeHead(200, { etag, 'content-length': file.byteLength });
    const bytes = this.#breakAfter;
    this.#breakAfter = undefined;
    if (bytes === undefined) {
      response.end(file);
      return;
    }
    response.write(file.subarray(0, bytes), () => {
      this.onBreak?.();
      response.destroy();
    });
  }
}
