import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createStore } from '../../src/store/store.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { commands } from './commands.ts';
import type { Model } from './model.ts';
import { Record } from './record.ts';

/** Another one each time with MODEL_SEED=random; a failure names its seed. */
const SEED = process.env.MODEL_SEED === 'random' ? Date.now() : Number(process.env.MODEL_SEED ?? 20_260);
const SEQUENCES = Number(process.env.MODEL_RUNS ?? 250);

describe('the record, whatever happens in whatever order', () => {
  let server: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    server = await createTestDatabase();
    const log = createLogger({ level: 'error', format: 'json' });
    await migrate(server.url, log);
    database = openDatabase({ url: server.url, poolSize: 2, log });
  });
  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  it('follows the state machine: no step beside it, no late run, no second end, no end without its webhook', async () => {
    const record = new Record(createStore(database));
    const sequences = fc.commands(commands, { maxCommands: 60, size: 'max' });
    const property = fc.asyncProperty(sequences, async (sequence) => {
      const setUp = async () => {
        await record.clear();
        const model: Model = { now: 0, jobs: [], deadWorkers: new Set() };
        return { model, real: record };
      };
      await fc.asyncModelRun(setUp, sequence);
    });
    const details = await fc.check(property, { seed: SEED, numRuns: SEQUENCES, interruptAfterTimeLimit: 30_000 });
    expect(details.failed, fc.defaultReportMessage(details)).toBe(false);
  });
});
