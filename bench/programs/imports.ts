/** The least that a worker of this kind does at its start: import bullmq, pg and express, and connect. */
import { enableCompileCache } from 'node:module';

enableCompileCache();
const [{ Queue }, { default: pg }, { default: express }] = await Promise.all([
  import('bullmq'),
  import('pg'),
  import('express'),
]);
const { DATABASE_URL, REDIS_URL = '' } = process.env;
const { hostname, port } = new URL(REDIS_URL);
const client = new pg.Client({ connectionString: DATABASE_URL });
const queue = new Queue('bench', { connection: { host: hostname, port: Number(port) } });
const server = express().listen(0, '127.0.0.1');
await Promise.all([
  client.connect(),
  queue.waitUntilReady(),
  new Promise((resolve) => server.once('listening', resolve)),
]);
console.log('the program is ready');
await Promise.all([client.end(), queue.close()]);
server.close();
