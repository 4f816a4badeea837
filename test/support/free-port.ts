import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which systems give ports to whoever asks for any (Linux: from 32768), and above 10080, which `fetch` blocks. */
const RANGE = [11_000, 32_000] as const;
const TRIES = 100;

let next = randomInt(...RANGE);

/**
 * A port of this machine that nobody listens on now, and another one each time. Nobody is likely to take it later either,
 * so a test may count on it that nobody listens there, or stop a server on it and start it again.
 */
export async function findFreePort(): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = next;
    next = port + 1 < RANGE[1] ? port + 1 : RANGE[0];
    try {
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}
