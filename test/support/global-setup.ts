import type { TestProject } from 'vitest/node';
import { startTestPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    /** Shared by all test files: use a QUEUE_PREFIX of your own, or `startRedis()` for a private one. */
    redisUrl: string;
  }
}

const running: { stop(): Promise<void> }[] = [];

/** Starts one PostgreSQL and one Redis for the whole run. */
export async function setup(project: TestProject): Promise<void> {
  try {
    const url = process.env.TEST_REDIS_URL;
    const redis = url ? { url, stop: async () => {} } : await startRedis();
    running.push(redis);
    const postgres = await startTestPostgres();
    running.push(postgres);
    project.provide('redisUrl', redis.url);
    project.provide('postgresUrl', postgres.url);
  } catch (error) {
    await teardown();
    throw error;
  }
}

export async function teardown(): Promise<void> {
  await Promise.all(running.splice(0).map((server) => server.stop()));
}
