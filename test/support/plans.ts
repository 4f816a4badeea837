import type { JobFilter } from '../../src/contract/filter.ts';
import { createClaimStore } from '../../src/store/claims.ts';
import type { Database } from '../../src/store/database.ts';
import { FairTurns } from '../../src/store/fair-turns.ts';
import { createGateStore, type KeyRule } from '../../src/store/gates.ts';
import { findCandidates, lookInto } from '../../src/store/search-statements.ts';
import { requireTerms } from '../../src/store/search-terms.ts';
import { createStore } from '../../src/store/store.ts';
import { makeNewJob } from './new-job.ts';

/** A statement that every job needs, or that runs all the time, with the plan that PostgreSQL makes for it. */
export interface StatementPlan {
  name: string;
  lines: string[];
}

export interface TableSize {
  finished: number;
  queued: number;
  handedOver: number;
  scheduled: number;
  /** Jobs that wait for others of their key, each of a key of its own. */
  blocked: number;
}

/** Fills the table of jobs, spread over ten queues. */
export async function fillJobs(database: Database, size: TableSize): Promise<void> {
  const add = (count: number, status: string, more: Record<string, string>) => {
    const columns = Object.keys(more).map((name) => `, ${name}`);
    const values = Object.values(more).map((value) => `, ${value}`);
    return database.query(
      `insert into longshore.jobs (id, tenant, type, queue, status, input, max_attempts, timeout_ms${columns.join('')})
       select uuidv7(), 'tenant ' || g % 20, 'type ' || g % 30, 'queue ' || g % 10, '${status}', '{"n": 1}', 3,
         60000${values.join('')}
       from generate_series(1, ${count}) g`,
      [],
      { timeoutMs: 600_000 },
    );
  };
  const ran = { started_at: 'now()', finished_at: `now() - g * interval '1 second'`, worker: `'w1'`, fence: '1' };
  await add(size.finished, 'completed', ran);
  await add(size.queued, 'queued', { run_at: `now() - g * interval '1 millisecond'` });
  await add(size.handedOver, 'queued', { dispatched_at: 'now()' });
  await add(size.scheduled, 'scheduled', { run_at: `now() + g * interval '1 minute'` });
  const keyed = { concurrency_key: `'key ' || g` };
  await add(size.blocked, 'queued', keyed);
  await add(size.blocked, 'queued', { ...keyed, gate: `'concurrency_key'` });
  await add(50, 'processing', { started_at: 'now()', worker: `'w1'`, fence: '1' });
  await add(50, 'failed', { reason: `'timeout'`, error: `'{}'`, finished_at: 'now()' });
  await database.query('analyze longshore.jobs');
}

/** Asks PostgreSQL how it would do what the program does all the time; nothing is changed. */
export async function explainHotStatements(database: Database, batch: number): Promise<StatementPlan[]> {
  const plans: StatementPlan[] = [];
  let name = '';
  const explain: Database['query'] = async (text, values, options) => {
    const rows = await database.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${text}`, values, options);
    plans.push({ name, lines: rows.map((row) => row['QUERY PLAN']) });
    return [];
  };
  const store = createStore({ ...database, query: explain });
  /** Within a transaction; its locks are really taken. */
  const locking: Database = {
    ...database,
    transaction: (work) =>
      work({
        ...database,
        query: (text, values) => (/_lock\(/.test(text) ? database.query(text, values) : explain(text, values)),
      }),
  };
  const ids = (
    await database.query<{ id: string }>(`select id from longshore.jobs where status = 'queued' limit $1`, [batch])
  ).map(({ id }) => id);
  const runs = ids.map((id) => ({ id, fence: 1001, worker: 'w1', output: 'null' }));
  const queues = Array.from({ length: 10 }, (_, number) => `queue ${number}`);
  const types = Array.from({ length: 30 }, (_, number) => `type ${number}`);
  const change = {
    reason: null,
    error: null,
    delayMs: null,
    isParked: false,
    fingerprint: null,
    webhook: null,
  } as const;

  const statements: Record<string, () => Promise<unknown>> = {
    'record jobs': () =>
      store.jobs.insert(ids.map(() => makeNewJob({ type: 'type 1', queue: 'queue 1', input: { n: 1 } }))),
    'claim jobs (PostgreSQL)': () =>
      store.claims.claim({ queue: 'queue 1', worker: 'w1', types, limit: batch, turns: new FairTurns() }),
    'claim jobs of a tenant that is alone (PostgreSQL)': () =>
      store.claims.claim({ queue: 'queue 1', worker: 'w1', types, limit: batch, turns: turnsOfOne() }),
    'claim jobs of tenants with a limit (PostgreSQL)': () =>
      claimLimited({ ...locking, query: async <Row extends object>() => [limitedShare(batch) as Row] }, types, batch),
    'give jobs of a key their turn': () => createGateStore(locking).open(keys(100)),
    'find keys whose jobs could have their turn': () => store.gates.findOpenable(undefined, [], batch),
    'give jobs back that were claimed ahead': () => store.claims.giveBack(runs),
    'start deliveries (BullMQ)': () => store.transitions.start(runs),
    'end runs that completed': () => store.transitions.complete(runs),
    'end runs in any other way': () =>
      store.transitions.apply(
        runs.map(({ id, fence }) => ({
          ...change,
          id,
          fence,
          from: ['processing'],
          to: 'queued',
          output: null,
          attemptsBack: 1,
          outcome: 'put_back',
        })),
      ),
    'count the window (BullMQ)': () => store.backlog.measure(queues, 1000),
    'take from the backlog (BullMQ)': () =>
      store.backlog.take('queue 1', { limit: batch, window: 1000, turns: new FairTurns() }),
    'find what is due': () => store.backlog.promoteDue(batch),
    'look when the next is due': () => store.backlog.nextDueMs(),
    'rescue runs of lost workers': () => store.rescues.rescueLost(batch),
    'find jobs that expired': () => store.expiry.findExpired(batch),
    'remove old jobs': () => store.retention.removeEnded(7, batch),
    'read a job': () => store.jobs.get('all', ids[0] ?? ''),
    'list jobs, newest first': () => store.jobs.list('all', {}, 50, null),
    'list queued jobs': () => store.jobs.list('all', { status: ['queued'] }, 50, null),
  };
  for (const [statement, run] of Object.entries(statements)) {
    name = statement;
    await run();
  }
  return plans;
}

function turnsOfOne(): FairTurns {
  const turns = new FairTurns();
  turns.sole = 'tenant 1';
  turns.isIdle = false;
  return turns;
}

/** What a look finds of a tenant that has a limit, and none of whose jobs it took. */
function limitedShare(size: number): object {
  return { shareOf: 'tenant 1', weight: 1, size, isLimited: true, isCut: false, id: null };
}

async function claimLimited(database: Database, types: readonly string[], limit: number): Promise<void> {
  await createClaimStore(database).claim({ queue: 'queue 1', worker: 'w1', types, limit, turns: new FairTurns() });
}

function keys(count: number): KeyRule[] {
  return Array.from({ length: count }, (_, number) => {
    const key = { queue: `queue ${number % 10}`, tenant: `tenant ${number % 20}`, concurrencyKey: `key ${number}` };
    return { ...key, atOnce: 1, rate: { max: 10, durationMs: 1000 } };
  });
}

/** How PostgreSQL would find candidates of a search, and compare the jobs of some of them. */
export function explainSearch(
  database: Database,
  filter: JobFilter,
): Promise<{ candidates: string[]; jobs: string[] }> {
  return database.transaction(async (inner) => {
    await inner.query('set local enable_seqscan = off'); // as a search does
    const search = { scope: 'all', filter, columns: 'j.id', limit: 50, beforeId: null, maxLooked: 10_000 } as const;
    const explain = async ({ text, values }: { text: string; values: unknown[] }) => {
      const rows = await inner.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${text}`, values);
      return rows.map((row) => row['QUERY PLAN']);
    };
    const last = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
    const chunks = [1, 2, 3, 4].map((id) => ({ id, firstId: last, lastId: last, jobs: 128 }));
    return {
      candidates: await explain(findCandidates(search, requireTerms('all', filter), 100)),
      jobs: await explain(lookInto(search, chunks, { beforeId: last, afterId: undefined, limit: 51 })),
    };
  });
}
