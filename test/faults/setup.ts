import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { type PrivatePostgres, startPrivatePostgres } from '../support/private-postgres.ts';
import { Installation, type InstallationOptions } from '../support/program.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

/** How long a dead worker's run, or a dead leader's office, may stay its own. */
export const LOCK_DURATION_MS = 2000;
export const STALLED_INTERVAL_MS = 500;
export const LEADER_LEASE_MS = 1000;

/** Small, so that what follows a fault follows soon. */
const SETTINGS = {
  LOCK_DURATION_MS: String(LOCK_DURATION_MS),
  STALLED_INTERVAL_MS: String(STALLED_INTERVAL_MS),
  LEADER_LEASE_MS: String(LEADER_LEASE_MS),
  RECONCILE_INTERVAL_MS: '1000',
  DISPATCH_INTERVAL_MS: '200',
  POLL_INTERVAL_MS: '500',
};

/** An installation that ends with the test. */
export async function install(options: InstallationOptions = {}): Promise<Installation> {
  const installation = await Installation.create({ ...options, settings: { ...SETTINGS, ...options.settings } });
  onTestFinished(() => installation.remove());
  return installation;
}

/** A network before a server that the test may break; it ends with the test. */
export async function startProxy(target: string | undefined): Promise<TcpProxy> {
  if (target === undefined) throw new Error('there is no server to stand before');
  const proxy = await TcpProxy.start(target);
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** A receiver of webhooks that ends with the test. */
export async function receiveWebhooks(): Promise<WebhookReceiver> {
  const receiver = await startWebhookReceiver();
  onTestFinished(() => receiver.stop());
  return receiver;
}

/** A Redis that the test may empty and stop. */
export async function startOwnRedis(): Promise<TestRedis> {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return redis;
}

/** A PostgreSQL that the test may stop. */
export async function startOwnPostgres(): Promise<PrivatePostgres> {
  const postgres = await startPrivatePostgres();
  onTestFinished(() => postgres.remove());
  return postgres;
}

/** A queue as another BullMQ producer sees it. */
export function openQueue(installation: Installation, name: string): { queue: Queue; redis: Redis } {
  const redis = new Redis(installation.settings.REDIS_URL ?? '', { maxRetriesPerRequest: null });
  redis.on('error', () => {}); // some tests take it away
  const queue = new Queue(name, { connection: redis, prefix: installation.prefix });
  queue.on('error', () => {});
  onTestFinished(() => redis.disconnect());
  return { queue, redis };
}
