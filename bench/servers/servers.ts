import { startWebhookReceiver, type WebhookReceiver } from '../../test/support/webhook-receiver.ts';
import { type BenchPostgres, startPostgres } from './postgres.ts';
import { type BenchRedis, startRedis } from './redis.ts';

/** What all contestants share. */
export interface Servers {
  postgres: BenchPostgres;
  redis: BenchRedis;
  webhooks: WebhookReceiver;
  stop(): Promise<void>;
}

export async function startServers(): Promise<Servers> {
  const started: { stop(): Promise<unknown> }[] = [];
  const keep = <Server extends { stop(): Promise<unknown> }>(server: Server): Server => {
    started.unshift(server);
    return server;
  };
  const stop = async () => {
    for (const server of started.splice(0)) await server.stop();
  };
  try {
    const redis = keep(await startRedis());
    const postgres = keep(await startPostgres());
    const webhooks = keep(await startWebhookReceiver());
    return { redis, postgres, webhooks, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
