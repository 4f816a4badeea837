import { defineConnector, defineJob, definePipeline, defineQuery, z } from 'longshore';

/** Every kind of value, and nothing but NULL. */
export const hardValues = defineQuery({
  name: 'test.hard',
  sql: `
    select
      1 as position, true as flag, 9223372036854775807 as big, 12345678901234567890.000000000100 as digits,
      1234567890.12::numeric(18,2) as money, 0.1::float8 as fraction, 'NaN'::float4 as nothing,
      E'say "hi",\\r\\nsecond; line\\t🚀' as text, ''::text as empty, '=1+1' as formula, -5 as negative,
      date '2030-01-31' as day, timestamp '2030-01-31 08:00:00.123456' as local,
      timestamptz '2030-01-31 08:00:00.5+02' as moment, interval '1 day 2 hours' as span,
      E'{"a": [1, 12345678901234567890],\\n "b": "x"}'::json as document, '\\xdeadbeef'::bytea as bytes,
      array[1, null, 3] as numbers, array[['a"b', 'c,d'], ['', null]] as texts, array[9223372036854775807] as bigs,
      array[timestamptz '2030-01-31 08:00:00+00'] as moments,
      '0190a5c0-0000-7000-8000-000000000000'::uuid as id, 'null'::jsonb as json_null
    union all
    select 2, false, -9223372036854775808, -0.5, -0.01, 1e300, 1.5, '@cmd', E'\\t', '+49 30 1234', 0,
      date '0044-03-15 BC', timestamp '0044-03-15 00:00:00 BC', timestamptz '1969-12-31 23:59:59.999999+00', interval '0',
      '[]', '\\x', '{}', '{}', '{}', '{}', '0190a5c0-0000-7000-8000-000000000001', '"text"'
    union all
    select 3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
      null, null, null, null
    order by position`,
});

export const series = defineQuery({
  name: 'test.series',
  parameters: z.strictObject({
    rows: z.int().min(0),
    /** The row that divides by zero. */
    faultAt: z.int().default(-1),
    textBytes: z.int().default(10),
  }),
  sql: `
    select g as n, repeat('x', $3) as text, 1 / case when g = $2 then 0 else 1 end as one
    from generate_series(1, $1::int4) as g`,
  values: ({ rows, faultAt, textBytes }) => [rows, faultAt, textBytes],
});

/** Takes a minute before its first row. */
export const slow = defineQuery({ name: 'test.slow', sql: 'select pg_sleep(60)::text as slept' });

export const whose = defineQuery({
  name: 'test.whose',
  sql: 'select $1::text as tenant',
  values: (_, { tenant }) => [tenant],
});

export const noColumns = defineQuery({ name: 'test.none', sql: 'select' });
export const twoOfOne = defineQuery({ name: 'test.twice', sql: 'select 1 as a, 2 as a' });
export const infinite = defineQuery({ name: 'test.infinite', sql: `select 'infinity'::timestamptz as at` });
export const writing = defineQuery({ name: 'test.writing', sql: `select nextval('test_sequence')` });
export const place = defineQuery({ name: 'test.place', sql: 'select current_database()::text as database' });
export const broken = defineQuery({ name: 'test.broken', sql: 'select no_such_column' });

/** Gives the pages that it is told to. */
export const given = defineConnector({
  name: 'test.given',
  parameters: z.strictObject({
    pages: z.array(z.array(z.strictObject({ id: z.string(), data: z.record(z.string(), z.unknown()) }))),
  }),
  async *pages({ parameters, cursor }) {
    const start = typeof cursor === 'number' ? cursor : 0;
    for (const [index, records] of parameters.pages.entries()) {
      if (index >= start) yield { records, cursor: index + 1 < parameters.pages.length ? index + 1 : null };
    }
  },
});

/** Stands for the built-in job: a step says which type it calls. Not exported, or there were two of that type. */
const dataExport = defineJob({ type: 'data:export', input: z.unknown(), run: () => null });

export const exporting = definePipeline({
  type: 'test:exporting',
  input: z.array(z.unknown()),
  run: (inputs, { step }) => step.all(dataExport, inputs),
});
