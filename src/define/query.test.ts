import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineConnector } from './connector.ts';
import { defineQuery, isQueryDefinition } from './query.ts';
import { createRegistry } from './registry.ts';

describe('defineQuery', () => {
  it('binds what it is given, and the tenant of the caller', () => {
    const query = defineQuery({
      name: 'orders',
      parameters: z.strictObject({ since: z.string() }),
      sql: 'select $1, $2',
      values: ({ since }, { tenant }) => [tenant, since],
    });
    expect(isQueryDefinition(query)).toBe(true);
    const built = query.build({ since: '2030' }, { tenant: 'acme' });
    expect(built).toEqual({ sql: 'select $1, $2', values: ['acme', '2030'] });
  });

  it('takes no parameters where it defines none', () => {
    const query = defineQuery({ name: 'all', sql: 'select 1' });
    expect(query.parametersSchema.safeParse({}).success).toBe(true);
    expect(query.parametersSchema.safeParse({ a: 1 }).success).toBe(false);
    expect(query.build({}, { tenant: 'acme' }).values).toEqual([]);
  });

  it.each([
    ['a name', { name: 'my orders', sql: 'select 1' }],
    ['no SQL', { name: 'orders', sql: ' ' }],
    ['parameters', { name: 'orders', sql: 'select 1', parameters: {} as never }],
    ['values', { name: 'orders', sql: 'select 1', values: [] as never }],
  ])('refuses %s that cannot be', (_, options) => {
    expect(() => defineQuery(options)).toThrow(expect.objectContaining({ code: 'INVALID_DEFINITION' }));
  });
});

describe('defineConnector', () => {
  it('gives its generator what it is run with', async () => {
    const connector = defineConnector({
      name: 'echo',
      parameters: z.strictObject({ id: z.string() }),
      async *pages({ parameters: { id }, cursor }) {
        yield { records: [{ id, data: {} }], cursor };
      },
    });
    const pages: unknown[] = [];
    for await (const page of connector.pages({ parameters: { id: 'a' }, cursor: 7 } as never)) pages.push(page);
    expect(pages).toEqual([{ records: [{ id: 'a', data: {} }], cursor: 7 }]);
  });

  it.each([
    ['a name', { name: '', pages: async function* () {} }],
    ['pages', { name: 'a', pages: [] as never }],
    ['parameters', { name: 'a', parameters: 1 as never, pages: async function* () {} }],
  ])('refuses %s that cannot be', (_, options) => {
    expect(() => defineConnector(options)).toThrow(expect.objectContaining({ code: 'INVALID_DEFINITION' }));
  });
});

describe('the registry', () => {
  it('keeps queries and connectors by name, and refuses two of one name', () => {
    const query = defineQuery({ name: 'orders', sql: 'select 1' });
    const connector = defineConnector({ name: 'orders', async *pages() {} });
    const registry = createRegistry([], { queries: [query, query], connectors: [connector] });
    expect(registry.queries.get('orders')).toBe(query);
    expect(registry.connectors.get('orders')).toBe(connector);
    const other = defineQuery({ name: 'orders', sql: 'select 2' });
    expect(() => createRegistry([], { queries: [query, other], connectors: [] })).toThrow('"orders" is defined twice');
  });
});
