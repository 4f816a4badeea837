import pg from 'pg';

/** A pool whose lost connections end nothing: a query that needs one fails by itself. */
export function openPool(url: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max });
  pool.on('error', () => {}); // the next query tells
  pool.on('connect', (client) => void client.on('error', () => {})); // graphile-worker insists
  return pool;
}
