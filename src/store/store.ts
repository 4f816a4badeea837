import { createClaimStore } from './claims.ts';
import type { Database } from './database.ts';
import { createDeliveryStore } from './deliveries.ts';
import { createExpiryStore } from './expiry.ts';
import { createJobStore } from './jobs.ts';
import { createJournalStore } from './journal.ts';
import { createOverviewStore } from './overview.ts';
import { createSettingStore } from './settings.ts';
import { createTransitionStore } from './transitions.ts';
import { createWorkerStore } from './workers.ts';

/** The record: the only home of SQL. */
export interface Store extends ReturnType<typeof createStore> {}

export function createStore(database: Database) {
  return {
    database,
    jobs: createJobStore(database),
    transitions: createTransitionStore(database),
    claims: createClaimStore(database),
    journal: createJournalStore(database),
    deliveries: createDeliveryStore(database),
    workers: createWorkerStore(database),
    overview: createOverviewStore(database),
    settings: createSettingStore(database),
    expiry: createExpiryStore(database),
    /** @throws STORE_UNAVAILABLE */
    async ping(): Promise<void> {
      await database.query('select 1');
    },
  };
}
