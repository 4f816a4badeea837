import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ExampleWorld } from '../example-world.ts';

const TOKEN = 'a token of the examples';

const ORDERS = `
import { defineQuery, z } from 'longshore';

export const orders = defineQuery({
  name: 'orders',
  parameters: z.strictObject({ since: z.iso.date() }),
  sql: 'select 17 as id, 12.50 as total, $1::date as day, $2::text as tenant',
  values: ({ since }, { tenant }) => [since, tenant],
});
`;

/** The shop whose products and prices the examples of the data jobs download, and a query. */
export const dataWorld: ExampleWorld = {
  types: ['data:export', 'records:download'],
  async start() {
    const prices = gzipSync('sku,price\nA-17,12.50\nB-18,7.00\n');
    const server = createServer((request, response) => {
      request.resume();
      const url = new URL(request.url ?? '/', 'http://localhost');
      if (url.pathname.endsWith('.csv.gz')) return response.end(prices);
      if (request.headers.authorization !== `Bearer ${TOKEN}`) return response.writeHead(401).end();
      const isLast = url.searchParams.has('cursor');
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify({ data: [{ sku: isLast ? 'B-18' : 'A-17' }], next: isLast ? null : 'more' }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
      settings: { CONNECTOR_SECRET_SHOP: `${url} ${TOKEN}` },
      replace: { 'https://shop.example.com/api/': `${url}/api/`, 'https://shop.example.com/files/': `${url}/files/` },
      jobFiles: { 'orders.ts': ORDERS },
      async stop() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  },
};
