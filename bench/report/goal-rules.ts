import type { Measurement } from '../suites/measurement.ts';

export type Reference = Pick<Measurement, 'suite' | 'work' | 'subject'>;

export interface GoalRule {
  work: string;
  /** As people read it. */
  goal: string;
  /** Longshore's: the best of these. */
  figure: readonly Reference[];
  /** Its best is compared; or the figure itself is bounded. */
  against: readonly Reference[] | 'a number';
  bound: { atLeast: number } | { atMost: number };
}

const of = (suite: Reference['suite'], work: string, ...subjects: Reference['subject'][]): Reference[] =>
  subjects.map((subject) => ({ suite, work, subject }));

const POSTGRES_QUEUES = ['graphile-worker', 'pg-boss', 'bullmq-postgres'] as const;
const atItsBest = (subject: Reference['subject']) =>
  [50, 200, 500, 1000].flatMap((at) => of('run', `concurrency ${at}`, subject));
const OURS = ['longshore-bullmq', 'longshore-postgres'] as const;

/** The goals that the project has set itself: the same machine, the same run, everything switched on. */
export const goalRules: readonly GoalRule[] = [
  {
    work: 'enqueue, 200 callers, BullMQ',
    goal: '≥ 0.95 × raw BullMQ',
    figure: of('enqueue', 'answered', 'longshore-bullmq'),
    against: of('enqueue', 'answered', 'bullmq-redis'),
    bound: { atLeast: 0.95 },
  },
  ...OURS.map((subject) => ({
    work: `enqueue, 200 callers, ${nameOf(subject)}`,
    goal: '≥ 10 × the fastest Postgres queue',
    figure: of('enqueue', 'answered', subject),
    against: of('enqueue', 'answered', ...POSTGRES_QUEUES),
    bound: { atLeast: 10 },
  })),
  ...OURS.map((subject) => ({
    work: `bulks of 1,000, rows only, ${nameOf(subject)}`,
    goal: '≥ 1.0 × the fastest Postgres queue',
    figure: of('bulk', 'bulks of 1,000', subject),
    against: of('bulk', 'bulks of 1,000', ...POSTGRES_QUEUES),
    bound: { atLeast: 1 },
  })),
  ...OURS.map((subject) => ({
    work: `JSON bulks of 1,000 over HTTP, ${nameOf(subject)}`,
    goal: '≥ 15,000 jobs/s',
    figure: of('bulk', 'over HTTP', subject),
    against: 'a number' as const,
    bound: { atLeast: 15_000 },
  })),
  ...[
    { concurrency: 200, atLeast: 0.9 },
    { concurrency: 1000, atLeast: 1 },
  ].map(({ concurrency, atLeast }) => ({
    work: `run a backlog, concurrency ${concurrency}, BullMQ`,
    goal: `≥ ${atLeast.toFixed(1)} × raw BullMQ at its best`,
    figure: of('run', `concurrency ${concurrency}`, 'longshore-bullmq'),
    against: atItsBest('bullmq-redis'),
    bound: { atLeast },
  })),
  {
    work: 'run a backlog of tiny jobs, PostgreSQL',
    goal: '≥ 2 × raw BullMQ at its best',
    figure: atItsBest('longshore-postgres'),
    against: atItsBest('bullmq-redis'),
    bound: { atLeast: 2 },
  },
  {
    work: 'run a backlog of tiny jobs, PostgreSQL',
    goal: '≥ 1.0 × graphile-worker, pg-boss',
    figure: atItsBest('longshore-postgres'),
    against: of('run', 'at its best', 'graphile-worker', 'pg-boss'),
    bound: { atLeast: 1 },
  },
  {
    work: 'steady, 200 callers, BullMQ',
    goal: '≥ 0.9 × raw BullMQ',
    figure: of('steady', 'finished', 'longshore-bullmq'),
    against: of('steady', 'finished', 'bullmq-redis'),
    bound: { atLeast: 0.9 },
  },
  {
    work: 'steady, 200 callers, PostgreSQL',
    goal: '≥ 6 × the fastest Postgres queue',
    figure: of('steady', 'finished', 'longshore-postgres'),
    against: of('steady', 'finished', ...POSTGRES_QUEUES),
    bound: { atLeast: 6 },
  },
  ...['p50', 'p99'].map((percentile) => ({
    work: `latency at 100 jobs/s, ${percentile}, BullMQ`,
    goal: '≤ 1.3 × raw BullMQ',
    figure: of('latency', percentile, 'longshore-bullmq'),
    against: of('latency', percentile, 'bullmq-redis'),
    bound: { atMost: 1.3 },
  })),
  ...['p50', 'p99'].map((percentile) => ({
    work: `latency at 100 jobs/s, ${percentile}, PostgreSQL`,
    goal: '≤ 1.0 × graphile-worker',
    figure: of('latency', percentile, 'longshore-postgres'),
    against: of('latency', percentile, 'graphile-worker'),
    bound: { atMost: 1 },
  })),
  ...OURS.map((subject) => ({
    work: `POST /v1/jobs, 100 connections, ${nameOf(subject)}`,
    goal: '≥ 0.9 × Express + zod + raw BullMQ',
    figure: of('http', 'answered', subject),
    against: of('http', 'answered', 'express + bullmq'),
    bound: { atLeast: 0.9 },
  })),
  ...OURS.flatMap((subject) =>
    ['enqueue', 'run', 'steady'].flatMap((work) => [
      {
        work: `${work} beside finished rows, ${nameOf(subject)}`,
        goal: '≥ 0.85 × an empty table',
        figure: of('growth', `${work}, full table`, subject),
        against: of('growth', `${work}, empty table`, subject),
        bound: { atLeast: 0.85 },
      },
      {
        work: `${work} while retention deletes, ${nameOf(subject)}`,
        goal: '≥ 0.85 × without',
        figure: of('growth', `${work}, retention deletes`, subject),
        against: of('growth', `${work}, full table`, subject),
        bound: { atLeast: 0.85 },
      },
    ]),
  ),
  ...[
    { mode: 'worker', atMost: 110 },
    { mode: 'api', atMost: 120 },
  ].flatMap(({ mode, atMost }) =>
    OURS.map((subject) => ({
      work: `memory, idle MODE=${mode}, ${nameOf(subject)}`,
      goal: `≤ ${atMost} MB RSS`,
      figure: of('memory', `MODE=${mode}, empty`, subject),
      against: 'a number' as const,
      bound: { atMost },
    })),
  ),
  ...['worker', 'api'].flatMap((mode) =>
    OURS.map((subject) => ({
      work: `memory with queued jobs, MODE=${mode}, ${nameOf(subject)}`,
      goal: '≤ 1.05 × without',
      figure: of('memory', `MODE=${mode}, queued jobs`, subject),
      against: of('memory', `MODE=${mode}, empty`, subject),
      bound: { atMost: 1.05 },
    })),
  ),
  {
    work: 'start, MODE=worker',
    goal: '≤ 1.2 × importing and connecting',
    figure: of('start', 'ready', 'longshore-bullmq'),
    against: of('start', 'ready', 'node imports'),
    bound: { atMost: 1.2 },
  },
  ...OURS.flatMap((subject) => [
    {
      work: `all built-in jobs, concurrency 50: peak memory, ${nameOf(subject)}`,
      goal: '≤ 400 MiB (419 MB) RSS',
      figure: of('catalogue', 'peak memory', subject),
      against: 'a number' as const,
      bound: { atMost: 419.4 },
    },
    {
      work: `all built-in jobs, concurrency 50: p99 event loop delay, ${nameOf(subject)}`,
      goal: '≤ 50 ms',
      figure: of('catalogue', 'event loop delay, p99', subject),
      against: 'a number' as const,
      bound: { atMost: 50 },
    },
  ]),
];

function nameOf(subject: (typeof OURS)[number]): string {
  return subject === 'longshore-bullmq' ? 'BullMQ' : 'PostgreSQL';
}
