import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createOutbound, type Outbound, type OutboundFetch, type OutboundSettings } from '../../src/shared/outbound.ts';

/** For tests: real servers on loopback, and a `fetch` that may call 127.0.0.1 and nothing else that is private. */
export interface LoopbackSite {
  fetch: OutboundFetch;
  /** @returns the server's origin */
  serve(listener: RequestListener): Promise<string>;
  close(): Promise<void>;
}

export function createLoopbackSite(settings: Partial<OutboundSettings> = {}): LoopbackSite {
  const servers: Server[] = [];
  let outbound: Outbound | undefined;
  return {
    fetch(url, init) {
      outbound ??= createOutbound({ allowPrivate: false, allow: ['127.0.0.1/32'], ...settings });
      return outbound.fetch(url, init);
    },
    async serve(listener) {
      const server = createServer(listener);
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    async close() {
      await outbound?.close();
      outbound = undefined;
      for (const server of servers.splice(0)) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
