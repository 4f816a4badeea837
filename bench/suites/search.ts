import type { JobFilter } from '../../src/contract/filter.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createStore, type Store } from '../../src/store/store.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { findPercentile } from '../report/statistics.ts';
import { fillSearchable, REFERENCE } from './fill-search.ts';
import type { Figure } from './measurement.ts';
import { type Case, interleave, type SuiteContext, type SuiteResult } from './suite.ts';

const SUBJECT = 'longshore-postgres';
const LIMIT = 50;
const DEEP_PAGE = 100;
const TIMES = 20;

/** Every filter of lists, with values that many jobs have, few, and none. */
const filters: Record<string, JobFilter> = {
  'no filter': {},
  'status, completed': { status: ['completed'] },
  'status, failed': { status: ['failed'] },
  'status, none': { status: ['expired'] },
  'type, frequent': { type: 'video:thumb' },
  'type, rare': { type: 'rare:type' },
  'type, none': { type: 'no:type' },
  'type, beginning': { type: 'video:*' },
  'queue, frequent': { queue: 'queue-1' },
  'queue, rare': { queue: 'rare' },
  'tenant, 1 %': { tenant: 'small' },
  'tag, frequent': { tag: ['red'] },
  'tag, rare': { tag: ['rare'] },
  'tag, none': { tag: ['no-tag'] },
  'tags, two': { tag: ['red', 'rare'] },
  'createdBefore, old': { createdBefore: REFERENCE.old },
  'createdAfter, future': { createdAfter: '2100-01-01T00:00:00Z' },
  'finishedBefore, old': { finishedBefore: REFERENCE.old },
  'finishedAfter, future': { finishedAfter: '2100-01-01T00:00:00Z' },
  'parentId, rare': { parentId: REFERENCE.parent },
  'batchId, 1,000 jobs': { batchId: REFERENCE.batch },
  'scheduleId, frequent': { scheduleId: REFERENCE.schedule },
  'fingerprint, frequent': { fingerprint: 'f1' },
  'fingerprint, none': { fingerprint: 'f9' },
  'input, frequent': { 'input.region': 'eu' },
  'input, rare': { 'input.customer.id': '777' },
  'input, none': { 'input.customer.id': '-1' },
  'metadata, frequent': { 'metadata.source': 'web' },
  'metadata, none': { 'metadata.source': 'fax' },
  'q, frequent': { q: 'note of' },
  'q, rare': { q: REFERENCE.word },
  'q, none': { q: 'zzzzzzzz' },
  'q, of an error': { q: 'refused' },
  'tenant 1 % + type': { tenant: 'small', type: 'video:thumb' },
  'tenant 1 % + tag': { tenant: 'small', tag: ['red'] },
  'tenant 1 % + tag, none': { tenant: 'small', tag: ['rare'] },
  'tenant 1 % + input': { tenant: 'small', 'input.region': 'eu' },
  'tenant 1 % + q': { tenant: 'small', q: 'note of' },
  'tenant 1 % + failed': { tenant: 'small', status: ['failed'] },
  'completed + type': { status: ['completed'], type: 'video:thumb' },
  'completed + tag, rare': { status: ['completed'], tag: ['rare'] },
  'failed + type': { status: ['failed'], type: 'video:thumb' },
  'failed + tag, rare': { status: ['failed'], tag: ['rare'] },
  'failed + input, none': { status: ['failed'], 'input.customer.id': '-1' },
  'failed + q': { status: ['failed'], q: 'refused' },
  'queued + tag': { status: ['queued'], tag: ['red'] },
  'queued + input, none': { status: ['queued'], 'input.customer.id': '-1' },
};

/** How long lists, groups and counts take beside millions of jobs. */
export async function measureSearch(context: SuiteContext): Promise<SuiteResult> {
  const { plan, stages, endsAtMs, report } = context;
  if (!plan.contestants.includes(SUBJECT)) return { measurements: [], failures: [] };
  if (performance.now() > endsAtMs) return { measurements: [], failures: ['search: the time was over before it'] };
  report(`search: making ${plan.searchedRows.toLocaleString('en-US')} jobs`);
  const name = await stages.createDatabase(SUBJECT);
  const log = createLogger({ level: 'warn', format: 'pretty', stream: process.stderr });
  const database = openDatabase({ url: stages.servers.postgres.urlOf(name), poolSize: 2, log });
  try {
    const { fillMs, indexMs } = await fillSearchable(database, plan.searchedRows);
    report(`search: they were made in ${Math.round(fillMs / 1000)} s and indexed in ${Math.round(indexMs / 1000)} s`);
    return await interleave('search', listCases(createStore(database)), context);
  } finally {
    await database.close();
    await stages.servers.postgres.drop(name);
  }
}

function listCases(store: Store): Case[] {
  const lists = Object.entries(filters).flatMap(([name, filter]) => [
    toCase(name, () => store.jobs.list('all', filter, LIMIT, null)),
    toCase(
      `${name}, page ${DEEP_PAGE}`,
      async () => undefined,
      () => walk(store, filter),
    ),
  ]);
  return [
    ...lists,
    toCase('groups of failures', () => store.deadLetters.groups('all', {}, LIMIT, undefined)),
    toCase('groups of failures of a tenant', () => store.deadLetters.groups({ tenant: 'small' }, {}, LIMIT, undefined)),
    toCase('dry run of all', () => store.bulkActions.count('all', {}, ['completed', 'failed', 'cancelled', 'expired'])),
    toCase('dry run of a tag', () => store.bulkActions.count('all', { tag: ['rare'] }, ['completed', 'failed'])),
    toCase('queues', () => store.overview.queues('all')),
    toCase('stats', () => store.overview.totals('all')),
  ];
}

/** @param prepare finds out what is to be measured, when it depends on what is there */
function toCase(
  work: string,
  run: () => Promise<unknown>,
  prepare?: () => Promise<(() => Promise<unknown>) | undefined>,
): Case {
  return {
    name: work,
    async measure(): Promise<Figure[]> {
      const measured = prepare ? await prepare() : run;
      if (!measured) return [];
      const latencies: number[] = [];
      await measured(); // what is read first is in no cache
      for (let time = 0; time < TIMES; time += 1) {
        const startedAtMs = performance.now();
        await measured();
        latencies.push(performance.now() - startedAtMs);
      }
      latencies.sort((one, other) => one - other);
      const figure = { subject: SUBJECT, unit: 'ms' } as const;
      return [
        { work: `${work}, p50`, ...figure, sample: { value: findPercentile(latencies, 50) } },
        { work: `${work}, p95`, ...figure, sample: { value: findPercentile(latencies, 95) } },
      ];
    },
  };
}

/** Goes to a late page; none where there are fewer. */
async function walk(store: Store, filter: JobFilter): Promise<(() => Promise<unknown>) | undefined> {
  let beforeId: string | null = null;
  for (let page = 1; page < DEEP_PAGE; page += 1) {
    const found = await store.jobs.list('all', filter, LIMIT, beforeId);
    if (found.nextBeforeId === null) return undefined;
    beforeId = found.nextBeforeId;
  }
  return () => store.jobs.list('all', filter, LIMIT, beforeId);
}
