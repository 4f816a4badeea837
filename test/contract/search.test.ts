import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobFilter } from '../../src/contract/filter.ts';
import { jobStatuses } from '../../src/contract/job.ts';
import type { JobRow } from '../../src/store/job-row.ts';
import { jobColumns } from '../../src/store/job-row.ts';
import type { TenantScope } from '../../src/store/scope.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { isMeant } from '../support/naive-filter.ts';
import { makeNewJob } from '../support/new-job.ts';

const IDS = Array.from({ length: 3 }, () => randomUUID());
const texts = [
  'red',
  'Red-50%',
  'a_b',
  `it's "so"`,
  'C:\\dir',
  'größe',
  'GRÖSSE',
  '東京 都',
  '42',
  '42.0',
  'true',
  'null',
  '🦊x',
  'new\nline',
];
const values = [...texts, 42, 42.5, -7, 1e21, 0, true, false, null, [], ['red', 42], [[1]], {}];
const paths = ['a', 'b', 'b.c', 'b.c.0', 'list', 'list.0', 'ключ'];
const types = ['video:thumb', 'video:hls:slow', 'video', 'http:request', 'email:send'];
const fingerprints = ['1f', '2f', null];
const messages = ['No luck at attempt 7', 'ECONNREFUSED 10.0.0.1:5432', 'größer als 100%'];

const value = fc.constantFrom(...values);
const content = fc.oneof(
  fc.dictionary(fc.constantFrom('a', 'list', 'ключ', 'b.c', 'q"r'), value, { noNullPrototype: true }),
  fc.record({ a: value, b: fc.record({ c: value, d: fc.string({ unit: 'grapheme' }).map(clean) }) }),
  value,
);
const job = fc.record({
  tenant: fc.constantFrom('acme', 'globex'),
  type: fc.constantFrom(...types),
  queue: fc.constantFrom('one', 'two'),
  tags: fc.uniqueArray(fc.constantFrom(...texts), { maxLength: 3 }),
  input: content,
  metadata: fc.dictionary(fc.constantFrom('a', 'list'), value, { noNullPrototype: true }),
  parentId: fc.option(fc.constantFrom(...IDS)),
  batchId: fc.option(fc.constantFrom(...IDS)),
  scheduleId: fc.option(fc.constantFrom(...IDS)),
});
const ending = fc.record({
  status: fc.constantFrom(...jobStatuses),
  message: fc.constantFrom(...messages),
  fingerprint: fc.constantFrom(...fingerprints),
  age: fc.integer({ min: 0, max: 9 }),
});

// PostgreSQL keeps no NUL.
function clean(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

const time = fc
  .integer({ min: -1, max: 10 })
  .map((minutes) => new Date(Date.UTC(2030, 0, 1, 0, minutes)).toISOString());
const anyText = fc.oneof(fc.constantFrom(...texts), fc.string({ unit: 'grapheme', maxLength: 12 }).map(clean));
const filters: Record<string, fc.Arbitrary<unknown>> = {
  status: fc.uniqueArray(fc.constantFrom(...jobStatuses), { minLength: 1, maxLength: 3 }),
  type: fc.constantFrom(...types, 'video:*', 'video:hls:*', 'nothing', 'vid:*'),
  queue: fc.constantFrom('one', 'two', 'three'),
  tenant: fc.constantFrom('acme', 'globex', 'nobody'),
  tag: fc.uniqueArray(anyText, { minLength: 1, maxLength: 2 }),
  parentId: fc.constantFrom(...IDS, randomUUID()),
  batchId: fc.constantFrom(...IDS, randomUUID()),
  scheduleId: fc.constantFrom(...IDS, randomUUID()),
  createdAfter: time,
  createdBefore: time,
  finishedAfter: time,
  finishedBefore: time,
  fingerprint: fc.constantFrom('1f', '2f', 'none', '3f'),
  q: fc
    .oneof(
      fc.constantFrom('vid', 'LUCK attempt', '10.0', 'groß', 'größ', '東京 red', 'red 50', 'dir c', 'lis', 'send mail'),
      anyText,
    )
    .filter((text) => /[A-Za-z0-9\u0080-\u{10ffff}]{3}/u.test(text)),
  ...Object.fromEntries(
    ['input', 'metadata'].flatMap((column) =>
      paths.map((path) => [
        `${column}.${path}`,
        fc.oneof(value.map(String), fc.constantFrom('4.2e1', '42.50', '1e999', 'x'), anyText),
      ]),
    ),
  ),
};

describe('a search', () => {
  const start = useHarnesses('postgres');

  it('finds what every filter means, alone and with another, whatever of it is indexed', async () => {
    const harness = await start([], { isFollower: true });
    await fill(harness, fc.sample(fc.tuple(job, ending), { numRuns: 240, seed: 1 }), 3);
    await harness.engine.store.searchIndex.indexNoted(1);
    await fill(harness, fc.sample(fc.tuple(job, ending), { numRuns: 60, seed: 2 }), 0);
    const rows = await harness.sql<JobRow>(`select ${jobColumns('j')} from longshore.jobs j order by id desc`);
    const names = Object.keys(filters);
    const filter = fc
      .uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 2 })
      .chain((chosen) => fc.record(Object.fromEntries(chosen.map((name) => [name, filters[name] ?? fc.constant('')]))));
    const scope = fc.constantFrom<TenantScope>('all', { tenant: 'acme' });
    await fc.assert(
      fc.asyncProperty(
        filter as fc.Arbitrary<JobFilter>,
        scope,
        fc.integer({ min: 1, max: 40 }),
        async (wanted, who, limit) => {
          const meant = rows.filter((row) => isMeant(row, wanted) && (who === 'all' || row.tenant === who.tenant));
          expect(await findAll(harness, who, wanted, limit)).toEqual(meant.map(({ id }) => id));
          const { matched } = await harness.engine.store.bulkActions.count(who, wanted, jobStatuses);
          expect(matched).toBe(meant.length);
        },
      ),
      { numRuns: 400 },
    );
  }, 120_000);
});

/** The ids on all pages. */
async function findAll(harness: Harness, scope: TenantScope, filter: JobFilter, limit: number): Promise<string[]> {
  const ids: string[] = [];
  let beforeId: string | null = null;
  do {
    const page = await harness.engine.store.jobs.list(scope, filter, limit, beforeId);
    ids.push(...page.rows.map(({ id }) => id));
    beforeId = page.nextBeforeId;
  } while (beforeId !== null);
  return ids;
}

type Sample = ReturnType<typeof toSample>;
const toSample = (
  one: [ReturnType<typeof makeNewJob>, { status: string; message: string; fingerprint: string | null; age: number }],
) => one;

/** Records jobs in several statements, and lets them end; of some the end comes after they were indexed. */
async function fill(harness: Harness, samples: readonly unknown[], lateOf: number): Promise<void> {
  const made = samples.map((sample) => {
    const [content, end] = sample as Sample;
    return { job: makeNewJob({ ...content }), end };
  });
  for (let at = 0; at < made.length; at += 50) {
    await harness.engine.store.jobs.insert(made.slice(at, at + 50).map((each) => each.job));
  }
  const late = made.filter((_, number) => lateOf > 0 && number % lateOf === 0);
  await end(
    harness,
    made.filter((each) => !late.includes(each)),
  );
  if (late.length === 0) return;
  await harness.engine.store.searchIndex.indexNoted(1);
  await end(harness, late);
}

async function end(harness: Harness, made: readonly { job: { id: string }; end: Sample[1] }[]): Promise<void> {
  for (const { job, end } of made) {
    await harness.sql(
      `update longshore.jobs
       set status = $2::text,
         created_at = '2030-01-01T00:00:00Z'::timestamptz + $5::integer * interval '1 minute' - interval '2 minutes',
         reason = 'timeout',
         run_at = now() + interval '1 day',
         started_at = now(),
         worker = 'w1',
         error = jsonb_build_object('name', 'Error', 'message', $3::text, 'attempt', 1),
         fingerprint = case when $2 = 'failed' then $4::text end,
         finished_at = case when $2 in ('completed', 'failed', 'cancelled', 'expired')
           then '2030-01-01T00:00:00Z'::timestamptz + $5::integer * interval '1 minute' end
       where id = $1`,
      [job.id, end.status, end.message, end.fingerprint, end.age],
    );
  }
}
