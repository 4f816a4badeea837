/**
 * A program that uses the embedded PostgreSQL of a folder: sends its URL to the parent, then stays until SIGTERM.
 * With `--leave` it ends by itself without stopping anything.
 */
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';

const [dataDir = '', mode] = process.argv.slice(2);
const log = { debug: () => {}, info: () => {}, warn: console.warn };
const postgres = await startEmbeddedPostgres({ dataDir, log });
process.send?.({ url: postgres.url });
if (mode === '--leave') {
  process.disconnect();
} else {
  process.once('disconnect', () => process.exit(1)); // the test has ended
  process.once('SIGTERM', async () => {
    await postgres.stop();
    process.exit();
  });
}
