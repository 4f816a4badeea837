import { expect, it } from 'vitest';
import { z } from 'zod';
import { toJsonSchema } from '../define/registry.ts';
import { listFields } from './schema-fields.ts';

function rowsOf(schema: z.ZodType): string[] {
  return listFields(toJsonSchema(schema, 'input')).map((row) =>
    [row.path, row.type, row.isRequired ? 'required' : JSON.stringify(row.default), row.description].join(' | '),
  );
}

it('lists fields with their types, limits, defaults and descriptions', () => {
  const schema = z.strictObject({
    url: z.url().meta({ description: 'Where to.' }),
    tries: z.int().min(1).max(5).default(3),
    name: z.string().min(1).max(200).optional(),
    kind: z.enum(['a', 'b']).default('a'),
    body: z.unknown().optional(),
  });
  expect(rowsOf(schema)).toEqual([
    'url | URL | required | Where to.',
    'tries | whole number, 1 to 5 | 3 | ',
    'name | string, 1 to 200 characters |  | ',
    'kind | "a" or "b" | "a" | ',
    'body | any JSON |  | ',
  ]);
});

it('lists what is nested below its parent: in objects, lists, records and choices', () => {
  const schema = z.strictObject({
    to: z
      .array(z.strictObject({ address: z.email() }))
      .min(1)
      .max(3),
    headers: z.record(z.string(), z.string().max(9)),
    channel: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('mail'), to: z.string() }),
      z.strictObject({ type: z.literal('hook'), url: z.string() }),
    ]),
  });
  expect(rowsOf(schema)).toEqual([
    'to | list of 1 to 3: object | required | ',
    'to[].address | email | required | ',
    'headers | object of string, at most 9 characters | required | ',
    'channel | object | required | ',
    'channel.type | "mail" or "hook" | required | ',
    'channel.to | string | required | ',
    'channel.url | string | required | ',
  ]);
});

it('names each of several types', () => {
  expect(listFields({ properties: { age: { type: ['integer', 'null'], minimum: 0 } } })).toMatchObject([
    { path: 'age', type: 'whole number, at least 0 or null' },
  ]);
});

it('follows a schema that refers to itself only so far', () => {
  interface Tree {
    leaf: string;
    branches?: Tree[] | undefined;
  }
  const tree: z.ZodType<Tree> = z.lazy(() => z.strictObject({ leaf: z.string(), branches: z.array(tree).optional() }));
  const rows = listFields(toJsonSchema(z.strictObject({ tree }), 'input'));
  expect(rows.length).toBeGreaterThan(2);
  expect(rows.length).toBeLessThan(20);
});
