/**
 * Measures what jobs cost in Redis: many that are scheduled for next month, then as many that are due while no worker runs.
 * Starts a PostgreSQL and a Redis of its own. Usage: node scripts/measure-redis-memory.ts [jobs, default 100000]
 */
import { tmpdir } from 'node:os';
import { Redis } from 'ioredis';
import { assemble, type Program } from '../src/assemble.ts';
import { type EnqueueRequest, enqueueSchema } from '../src/contract/enqueue.ts';
import { enqueueJob } from '../src/engine/enqueue.ts';
import { loadEnv } from '../src/env.ts';
import { defineJob, z } from '../src/index.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { startTestPostgres } from '../test/support/postgres.ts';
import { startRedis } from '../test/support/redis.ts';
import { waitFor } from '../test/support/wait-for.ts';

const JOBS = Number(process.argv[2] ?? 100_000);
const AT_ONCE = 100;
const MONTH_MS = 30 * 86_400_000;
const SETTLE_MS = 120_000;

const mail = defineJob({ type: 'mail:send', input: z.object({ to: z.string(), text: z.string() }), run: () => null });
const input = { to: 'somebody@example.com', text: 'x'.repeat(200) };

const postgres = await startTestPostgres();
const server = await startRedis();
const redis = new Redis(server.url);
const log = createLogger({ level: 'warn', format: 'pretty', stream: process.stderr });
const env = loadEnv({ DATABASE_URL: postgres.url, REDIS_URL: server.url }, tmpdir());
const program = await assemble({
  env,
  jobs: { definitions: [mail], queries: [], connectors: [], services: {} },
  version: 'measure',
  log,
});
await program.start();
try {
  await enqueueJob(program.engine, { scope: 'all', actor: 'test' }, toRequest({})); // BullMQ loads its scripts with the first job
  await program.engine.dispatcher.settled();
  const idle = await measure('one job');
  await enqueueMany(program, { delayMs: MONTH_MS });
  await measure(`${JOBS} jobs scheduled for next month`, idle);
  await enqueueMany(program, {});
  const window = Math.min(env.dispatchWindow, JOBS);
  await waitFor(async () => (await redis.llen('bull:mail:wait')) >= window, {
    describe: 'the window is full',
    timeoutMs: SETTLE_MS,
  });
  await measure(`and ${JOBS} jobs due, without a worker`, idle);
} finally {
  await program.stop();
  redis.disconnect();
  await server.stop();
  await postgres.stop();
}

function toRequest(options: { delayMs?: number }): EnqueueRequest {
  return enqueueSchema.parse({ type: mail.type, input, options });
}

async function enqueueMany({ engine }: Program, options: { delayMs?: number }): Promise<void> {
  const request = toRequest(options);
  for (let done = 0; done < JOBS; done += AT_ONCE) {
    const count = Math.min(AT_ONCE, JOBS - done);
    await Promise.all(
      Array.from({ length: count }, () => enqueueJob(engine, { scope: 'all', actor: 'test' }, request)),
    );
  }
  await engine.dispatcher.settled();
}

/** @returns `used_memory` of Redis, in bytes */
async function measure(what: string, idle?: number): Promise<number> {
  const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  const waiting = await redis.llen('bull:mail:wait');
  const more = idle === undefined ? '' : ` (+${Math.round((used - idle) / 1000)} kB)`;
  console.log(`${what}: used_memory ${used}${more}, ${waiting} jobs in BullMQ`);
  return used;
}
