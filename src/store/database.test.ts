import { afterAll, describe, expect, it } from 'vitest';
import type { Logger } from '../telemetry/logger.ts';
import { openDatabase } from './database.ts';
import { createStore } from './store.ts';

const quiet = () => undefined;
const log: Logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };

describe('a database that nobody serves', () => {
  const database = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/nothing', poolSize: 2, log });
  const store = createStore(database);
  const id = '01980000-0000-7000-8000-000000000001';
  afterAll(() => database.close());

  it.each<[string, () => Promise<unknown>]>([
    ['a plain query', () => store.ping()],
    ['the jobs', () => store.jobs.get('all', id)],
    ['the history of attempts', () => store.journal.attempts(id, 0, 10)],
    ['the settings', () => store.settings.getOrCreate('name', () => 'value')],
  ])('is STORE_UNAVAILABLE for %s', async (_what, ask) => {
    await expect(ask()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: expect.any(Error) });
  });
});
