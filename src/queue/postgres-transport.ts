import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/logger.ts';
import { PostgresConsumer } from './postgres-consumer.ts';
import type { Signals } from './signals.ts';
import type { Transport } from './transport.ts';

export interface PostgresTransportOptions {
  store: Store;
  signals: Signals;
  /** How often an idle consumer looks although nothing woke it. */
  pollIntervalMs: number;
  log: Logger;
}

/** Delivers straight from the record: the job's row is the queue, so there is no second copy to keep in step. */
export function createPostgresTransport(options: PostgresTransportOptions): Transport {
  const { store, signals } = options;
  return {
    name: 'postgres',
    held: undefined,
    async deliver(jobs) {
      signals.publish('work', [...new Set(jobs.map((job) => job.queue))]);
    },
    consume: (consume, run) => new PostgresConsumer(options, consume, run),
    async remove() {}, // the row has ended, and the row is the queue
    async setPaused(queue) {
      signals.publish('work', [queue]); // the claim itself reads the switch
    },
    ping: () => store.ping(),
    async stop() {},
  };
}
