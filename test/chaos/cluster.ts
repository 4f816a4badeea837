import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { TransportName } from '../../src/define/queue.ts';
import { type PrivatePostgres, startPrivatePostgres } from '../support/private-postgres.ts';
import { Installation } from '../support/program.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { Slot } from './slot.ts';

const APIS = 2;
const WORKERS = 3;

export const LOCK_DURATION_MS = 3000;
export const STALLED_INTERVAL_MS = 1000;

interface Producer {
  queue: Queue;
  connection: Redis;
}

/** Where the storm takes place: servers, and processes behind networks of their own. */
export interface Cluster {
  readonly transport: TransportName;
  readonly installation: Installation;
  readonly postgres: PrivatePostgres;
  readonly redis: TestRedis | undefined;
  readonly apis: readonly Slot[];
  readonly workers: readonly Slot[];
  readonly slots: readonly Slot[];
  /** The jobs' queue as another BullMQ producer sees it, and its connection. */
  readonly producer: Producer | undefined;
  remove(): Promise<void>;
}

export async function createCluster(transport: TransportName): Promise<Cluster> {
  const redis = transport === 'bullmq' ? await startRedis() : undefined;
  const postgres = await startPrivatePostgres();
  const installation = await Installation.create({
    databaseUrl: postgres.url,
    settings: {
      ...(redis ? { REDIS_URL: redis.url } : {}),
      LOCK_DURATION_MS: String(LOCK_DURATION_MS),
      STALLED_INTERVAL_MS: String(STALLED_INTERVAL_MS),
      LEADER_LEASE_MS: '2000',
      RECONCILE_INTERVAL_MS: '2000',
      DISPATCH_INTERVAL_MS: '200',
      DISPATCH_WINDOW: '50',
      POLL_INTERVAL_MS: '500',
      SHUTDOWN_TIMEOUT_MS: '1000',
      CONNECT_TIMEOUT_MS: '10000',
    },
  });
  const create = (mode: Slot['mode'], count: number) =>
    Promise.all(Array.from({ length: count }, () => Slot.create(installation, mode)));
  const [apis, workers] = await Promise.all([create('api', APIS), create('worker', WORKERS)]);
  const slots = [...apis, ...workers];
  const producer = redis && openProducer(redis.url, installation.prefix);
  return {
    transport,
    installation,
    postgres,
    redis,
    apis,
    workers,
    slots,
    producer,
    async remove() {
      producer?.connection.disconnect();
      await installation.remove();
      await Promise.all(slots.flatMap((slot) => [slot.database.stop(), slot.redis?.stop()]));
      await Promise.all([postgres.remove(), redis?.stop()]);
    },
  };
}

function openProducer(url: string, prefix: string): Producer {
  const connection = new Redis(url, { maxRetriesPerRequest: 1 });
  connection.on('error', () => {}); // the storm takes it away
  const queue = new Queue('chaos', { connection, prefix });
  queue.on('error', () => {});
  return { queue, connection };
}
