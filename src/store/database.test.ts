import { afterAll, describe, expect, it } from 'vitest';
import type { Logger } from '../telemetry/logger.ts';
import { isConnectionError, openDatabase, toStoreError } from './database.ts';
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

describe('isConnectionError', () => {
  const coded = (code: string) => Object.assign(new Error('x'), { code });

  it('tells a server that is away from a statement that is wrong', () => {
    for (const code of ['ECONNREFUSED', 'ECONNRESET', '57P01', '57P03', '53300', '08006']) {
      expect(isConnectionError(coded(code))).toBe(true);
    }
    for (const code of ['23505', '22P05', '42601', '28P01', '25006'])
      expect(isConnectionError(coded(code))).toBe(false);
    expect(isConnectionError(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isConnectionError(new Error('something else'))).toBe(false);
    expect(isConnectionError('ECONNREFUSED')).toBe(false);
  });

  it('looks at causes, and at every address that was tried', () => {
    expect(isConnectionError(new Error('failed', { cause: coded('ECONNRESET') }))).toBe(true);
    expect(isConnectionError(new AggregateError([coded('X'), coded('ECONNREFUSED')], 'all failed'))).toBe(true);
  });

  it('decides what toStoreError makes of an error', () => {
    const wrong = coded('23505');
    expect(toStoreError(wrong)).toBe(wrong);
    const away = coded('ECONNREFUSED');
    expect(toStoreError(away)).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: away });
  });
});
