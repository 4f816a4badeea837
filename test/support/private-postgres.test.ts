import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSql } from './postgres.ts';
import { type PrivatePostgres, startPrivatePostgres } from './private-postgres.ts';

describe('startPrivatePostgres', () => {
  let postgres: PrivatePostgres;
  beforeAll(async () => {
    postgres = await startPrivatePostgres();
    await ask('create table kept (n integer)');
  });
  afterAll(() => postgres?.remove());

  const ask = (text: string) => runSql(postgres.url, text);

  it.each(['fast', 'immediate'] as const)(
    'keeps every commit over a stop that is %s, on the same port',
    async (mode) => {
      await ask('insert into kept values (1)');
      const rows = await ask('select n from kept');
      await postgres.stop(mode);
      await expect(ask('select 1')).rejects.toThrow('ECONNREFUSED');
      await postgres.start();
      expect(await ask('select n from kept')).toEqual(rows);
    },
  );
});
