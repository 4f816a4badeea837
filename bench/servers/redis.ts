import { Redis } from 'ioredis';
import { startRedis as startServer } from '../../test/support/redis.ts';

// Durable to a second, as BullMQ's guide for production advises. The file is not rewritten in the middle of a run.
const FLAGS = ['--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0'];

export interface BenchRedis {
  readonly url: string;
  readonly pid: number;
  readonly settings: Record<string, string>;
  version(): Promise<string>;
  /** Removes everything. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<BenchRedis> {
  const server = await startServer({ isDurable: true, flags: FLAGS });
  const redis = new Redis(server.url);
  redis.on('error', (error) => console.error(`Redis: ${error.message}`));
  return {
    url: server.url,
    pid: server.pid,
    settings: { appendonly: 'yes', appendfsync: 'everysec' },
    version: async () => /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? '',
    async flush() {
      await redis.flushall();
    },
    async stop() {
      redis.disconnect();
      await server.stop();
    },
  };
}
