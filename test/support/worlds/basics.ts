import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExampleWorld } from '../example-world.ts';

/** The server that `http:request` calls in its examples. */
export const basicsWorld: ExampleWorld = {
  types: ['http:request'],
  async start() {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ method: request.method, path: request.url }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      replace: { 'https://api.example.com': `http://127.0.0.1:${port}` },
      async stop() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  },
};
