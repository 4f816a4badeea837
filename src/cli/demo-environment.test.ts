import { expect, it } from 'vitest';
import { loadEnv } from '../env.ts';
import { settings } from '../env-settings.ts';
import { createChildEnvironment } from './demo-environment.ts';

const given = {
  PATH: '/bin',
  DATABASE_URL: 'postgres://elsewhere/db',
  REDIS_URL: 'redis://elsewhere',
  QUEUE_CONCURRENCY_FILE: '0',
  QUEUE_RATE_LIMIT_FILE: 'fast',
  NODE_ENV: 'production',
  FORCE_COLOR: '1',
};

it('keeps the caller’s settings out of the demo, and everything else in', () => {
  const environment = createChildEnvironment(given, { port: 4567, webhookSecret: `whsec_${'a'.repeat(32)}` });
  expect(environment.PATH).toBe('/bin');
  const names = Object.values(settings).map(({ name }) => name);
  expect(names.filter((name) => environment[name] === undefined)).toEqual([]);
  expect(loadEnv(environment, '/tmp')).toMatchObject({
    mode: 'all',
    host: '127.0.0.1',
    port: 4567,
    databaseUrl: undefined,
    redisUrl: undefined,
    nodeEnv: 'development',
  });
});
