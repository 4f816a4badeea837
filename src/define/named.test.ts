import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineConnector } from './connector.ts';
import { NonRetryableError } from './errors.ts';
import { checkConnector, checkQuery, requireNamed } from './named.ts';
import { defineQuery } from './query.ts';
import { createRegistry } from './registry.ts';

const parameters = z.strictObject({ since: z.iso.date(), limit: z.int().default(5) });
const orders = defineQuery({ name: 'orders', parameters, sql: 'select 1' });
const shop = defineConnector({ name: 'shop', parameters, async *pages() {} });
const known = createRegistry([], {
  queries: [orders, defineQuery({ name: 'all', sql: 'select 1' })],
  connectors: [shop],
});

const good = { since: '2030-01-01' };
/** What a run says of it. */
const saidOf = async (name: string, given: unknown) =>
  requireNamed('query', known.queries, { name, parameters: given }).then(String, ({ message }: Error) => message);

describe('a query or connector that an input names', () => {
  it('is found, with the parameters that its schema made', async () => {
    expect(await checkQuery({ query: 'orders', parameters: good }, known)).toEqual([]);
    expect(await checkConnector({ connector: 'shop', parameters: good }, known)).toEqual([]);
    const found = await requireNamed('connector', known.connectors, { name: 'shop', parameters: good });
    expect(found).toEqual({ part: shop, parameters: { since: '2030-01-01', limit: 5 } });
  });

  it.each(['none', '__proto__', 'constructor'])(
    'is told of with the names that there are when it is "%s"',
    async (name) => {
      const message = `there is no query "${name}"; there are: all, orders`;
      expect(await checkQuery({ query: name, parameters: {} }, known)).toEqual([{ path: 'query', message }]);
      expect(await saidOf(name, {})).toBe(message);
      expect(await checkConnector({ connector: name, parameters: {} }, known)).toEqual([
        { path: 'connector', message: `there is no connector "${name}"; there are: shop` },
      ]);
      const nothing = createRegistry([]);
      expect(await checkQuery({ query: name, parameters: {} }, nothing)).toEqual([
        { path: 'query', message: `there is no query "${name}"; there are none` },
      ]);
    },
  );

  it('tells every fault of its parameters, where it is, in the words of the run', async () => {
    const given = { since: 'today', limit: 1.5, more: 1 };
    const faults = await checkQuery({ query: 'orders', parameters: given }, known);
    expect(faults.map(({ path }) => path)).toEqual(['parameters.since', 'parameters.limit', 'parameters.more']);
    expect(await checkConnector({ connector: 'shop', parameters: given }, known)).toEqual(faults);
    const list = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
    expect(await saidOf('orders', given)).toBe(`the query "orders" does not take these parameters: ${list}`);
  });

  it('fails a run at once where it is wrong', async () => {
    const wrong = requireNamed('query', known.queries, { name: 'none', parameters: {} });
    await expect(wrong).rejects.toThrow(NonRetryableError);
  });
});
