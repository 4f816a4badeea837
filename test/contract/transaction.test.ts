import { describe, expect, it } from 'vitest';
import { inTransaction } from '../../src/store/store.ts';
import { useHarnesses } from '../support/harness.ts';

describe('a transaction of the store', () => {
  const start = useHarnesses('postgres');

  it('commits everything or nothing, and what fails within it takes only its own part back', async () => {
    const { engine } = await start([]);
    const { store } = engine;
    const keep = (inner: typeof store, name: string) => inner.overview.ensureQueue(name);
    const names = async () =>
      (await store.database.query<{ name: string }>('select name from longshore.queues order by name'))
        .map(({ name }) => name)
        .filter((name) => name.startsWith('tx'));

    await expect(
      inTransaction(store, async (inner) => {
        await keep(inner, 'tx-lost');
        expect(await names()).toEqual([]); // nobody else sees it
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const answer = await inTransaction(store, async (inner) => {
      await keep(inner, 'tx-1');
      const part = inTransaction(inner, async (innermost) => {
        await keep(innermost, 'tx-2');
        await innermost.database.query('select 1 / 0');
      });
      await expect(part).rejects.toThrow('division by zero');
      await keep(inner, 'tx-3');
      return 17;
    });
    expect(answer).toBe(17);
    expect(await names()).toEqual(['tx-1', 'tx-3']);
  });

  it('is lost as a whole with its connection, and leaves the pool usable', async () => {
    const { engine } = await start([]);
    const broken = inTransaction(engine.store, async (inner) => {
      await inner.overview.ensureQueue('tx-lost');
      await inner.database.query('select pg_terminate_backend(pg_backend_pid())');
    });
    await expect(broken).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    const left = await engine.store.database.query(`select 1 from longshore.queues where name = 'tx-lost'`);
    expect(left).toEqual([]);
  });
});
