import type { Database } from '../../src/store/database.ts';
import { createSearchIndex } from '../../src/store/search-index.ts';

const LIMIT_MS = 1_800_000;
const BATCH = 200_000;

/** What some of the jobs have that {@link fillSearchable} makes. */
export const REFERENCE = {
  old: new Date(Date.now() - 6 * 24 * 3_600_000).toISOString(),
  parent: '01980000-0000-7000-8000-00000000000a',
  batch: '01980000-0000-7000-8000-00000000000b',
  schedule: '01980000-0000-7000-8000-00000000000c',
  word: 'kingfisher',
};

/** Makes jobs of the last week, as many applications have them, and indexes them as the leader does. */
export async function fillSearchable(database: Database, rows: number): Promise<{ fillMs: number; indexMs: number }> {
  const startedAtMs = performance.now();
  for (let from = 0; from < rows; from += BATCH) {
    await database.query(INSERT, [from, Math.min(rows, from + BATCH) - 1, rows], { timeoutMs: LIMIT_MS });
  }
  const filledAtMs = performance.now();
  const index = createSearchIndex(database);
  while ((await index.indexNoted(1)) > 0);
  const indexMs = performance.now() - filledAtMs;
  await database.query('vacuum (analyze) longshore.jobs', [], { timeoutMs: LIMIT_MS });
  await database.query('vacuum (analyze) longshore.search_chunks', [], { timeoutMs: LIMIT_MS });
  await database.query('vacuum (analyze) longshore.search_unindexed', [], { timeoutMs: LIMIT_MS });
  return { fillMs: filledAtMs - startedAtMs, indexMs };
}

// Of a hundred jobs one failed, one was cancelled and one waits.
const INSERT = `
  insert into longshore.jobs (id, tenant, type, queue, status, reason, error, fingerprint, input, metadata, tags, parent_id,
    batch_id, schedule_id, created_at, run_at, started_at, finished_at, worker, fence, max_attempts, timeout_ms)
  select uuidv7(at - now()),
    case when g % 100 = 7 then 'small' else 'tenant-' || g % 10 end,
    case when g % 100003 = 5 then 'rare:type' when g % 10 = 0 then 'video:thumb' else 'type-' || g % 30 || ':run' end,
    case when g % 100003 = 6 then 'rare' else 'queue-' || g % 10 end,
    status,
    case status when 'failed' then 'attempts_exhausted' end,
    case status when 'failed' then jsonb_build_object('name', 'Error', 'message', 'connect refused by 10.0.0.' || g % 250, 'attempt', 3) end,
    case status when 'failed' then 'f' || g / 100 % 7 end,
    jsonb_build_object('customer', jsonb_build_object('id', g % 1000000, 'mail', 'customer' || g % 1000000 || '@example.com'),
      'region', (array['eu', 'us', 'asia'])[1 + g % 3], 'order', md5(g::text), 'amount', g % 977 * 1.5,
      'note', 'a note of some length, as people write them' || case when g % 50021 = 9 then ' kingfisher' else '' end),
    jsonb_build_object('source', case when g % 4 = 0 then 'web' else 'app' end, 'trace', md5((g / 3)::text)),
    case when g % 5 = 0 then array['red', 'tag-' || g % 17] when g % 30011 = 11 then array['rare'] else '{}' end,
    case when g % 200003 = 3 then '${REFERENCE.parent}'::uuid end,
    case when g between 1000 and 1999 then '${REFERENCE.batch}'::uuid end,
    case when g % 20 = 1 then '${REFERENCE.schedule}'::uuid end,
    at, at,
    case when status <> 'queued' then at end,
    case when status <> 'queued' then at + interval '1 second' end,
    case when status <> 'queued' then 'w1' end,
    1, 3, 60000
  from generate_series($1::bigint, $2::bigint) g
  cross join lateral (
    select now() - interval '7 days' * (1 - g / $3::float8) as at,
      case when g % 100 in (7, 20) and g / 100 % 2 = 0 then 'failed' when g % 100 = 33 then 'cancelled'
        when g % 100 = 40 then 'queued' else 'completed' end as status
  ) made`;
