import { describe, expect, it } from 'vitest';
import { makeJobRow } from '../../test/support/job-row.ts';
import { eventIdOf } from '../store/fence.ts';
import type { AttemptRow, StoredLogLine } from '../store/journal.ts';
import { toEvents } from './events.ts';

const at = new Date('2026-01-01T00:00:01.000Z');
const later = new Date('2026-01-01T00:01:00.000Z');

function attempt(fence: number, outcome: AttemptRow['outcome'], changes: Partial<AttemptRow> = {}): AttemptRow {
  return { fence, attempt: fence, outcome, worker: 'w', error: null, startedAt: at, finishedAt: at, ...changes };
}

function line(fence: number, seq: number): StoredLogLine {
  return { jobId: 'j', fence, seq, attempt: fence, level: 'info', message: `${fence}/${seq}`, fields: null, at };
}

const typesOf = (...args: Parameters<typeof toEvents>) => toEvents(...args).map(({ id, type }) => [id, type]);

describe('toEvents', () => {
  it('tells of a job that nobody has started', () => {
    expect(toEvents(makeJobRow({ status: 'scheduled', runAt: later }), [], [])).toEqual([
      {
        id: 1,
        type: 'job.queued',
        data: { status: 'queued', at: '2026-01-01T00:00:00.000Z', runAt: '2026-01-01T00:01:00.000Z' },
      },
    ]);
  });

  it('puts runs, lines, progress and the end into one order', () => {
    const job = makeJobRow({
      status: 'completed',
      fence: 3,
      attempt: 2,
      startedAt: at,
      finishedAt: at,
      progressSeq: 2,
      progressPercent: 100,
    });
    const attempts = [attempt(1, 'retrying'), attempt(2, 'put_back')];
    const lines = [line(1, 1), line(1, 2), line(3, 1), line(3, 3)];
    expect(typesOf(job, attempts, lines)).toEqual([
      [1, 'job.queued'],
      [eventIdOf(1, 0), 'job.started'],
      [eventIdOf(1, 1), 'job.log'],
      [eventIdOf(1, 2), 'job.log'],
      [eventIdOf(1, 999_998), 'job.retrying'],
      [eventIdOf(2, 0), 'job.started'],
      [eventIdOf(2, 999_998), 'job.queued'],
      [eventIdOf(3, 0), 'job.started'],
      [eventIdOf(3, 1), 'job.log'],
      [eventIdOf(3, 2), 'job.progress'],
      [eventIdOf(3, 3), 'job.log'],
      [eventIdOf(3, 999_999), 'job.completed'],
    ]);
  });

  it.each(['failed', 'cancelled'] as const)('tells the run of a %s job once, and its end from the job', (outcome) => {
    const job = makeJobRow({ status: outcome, fence: 1, attempt: 1, startedAt: at, finishedAt: at, reason: 'timeout' });
    const events = toEvents(job, [attempt(1, outcome)], []);
    expect(events.map((event) => event.type)).toEqual(['job.queued', 'job.started', `job.${outcome}`]);
    expect(events.at(-1)?.data).toMatchObject({ status: outcome, reason: 'timeout', at: at.toISOString() });
  });

  it('tells why a job is queued again', () => {
    const job = makeJobRow({ status: 'queued', fence: 2, attempt: 1, startedAt: at });
    const events = toEvents(job, [attempt(1, 'worker_lost'), attempt(2, 'put_back')], []);
    const again = events.filter((event) => event.id > 1 && event.type === 'job.queued');
    expect(again.map((event) => event.data)).toMatchObject([{ why: 'worker_lost' }, { why: 'put_back' }]);
  });

  it('tells the end of an earlier life as the retry that followed it, and only the last end as one', () => {
    const error = { name: 'Error', message: 'out', attempt: 2 };
    const lives = [attempt(1, 'retrying'), attempt(2, 'failed', { error }), attempt(4, 'cancelled')];
    const again = makeJobRow({ status: 'queued', fence: 5, attempt: 0, startedAt: null });
    expect(typesOf(again, lives, [])).toEqual([
      [1, 'job.queued'],
      [eventIdOf(1, 0), 'job.started'],
      [eventIdOf(1, 999_998), 'job.retrying'],
      [eventIdOf(2, 0), 'job.started'],
      [eventIdOf(2, 999_999), 'job.queued'],
      [eventIdOf(4, 0), 'job.started'],
      [eventIdOf(4, 999_999), 'job.queued'],
    ]);
    expect(toEvents(again, lives, [])[4]?.data).toEqual({
      ...{ status: 'queued', why: 'retried', attempt: 2, error, at: at.toISOString(), runAt: null },
    });
    const failed = makeJobRow({ status: 'failed', fence: 6, attempt: 1, startedAt: at, finishedAt: at });
    const events = typesOf(failed, [...lives, attempt(6, 'failed')], []);
    expect(events.slice(-2)).toEqual([
      [eventIdOf(6, 0), 'job.started'],
      [eventIdOf(6, 999_999), 'job.failed'],
    ]);
  });

  it('gives the time of the next attempt while the job waits for it, and not that of another', () => {
    const job = makeJobRow({ status: 'retrying', fence: 2, attempt: 2, startedAt: at, runAt: later });
    const retries = toEvents(job, [attempt(1, 'retrying'), attempt(2, 'retrying')], []).filter(
      (event) => event.type === 'job.retrying',
    );
    expect(retries.map((event) => event.data)).toMatchObject([{ runAt: null }, { runAt: later.toISOString() }]);
    expect(toEvents(job, [attempt(1, 'retrying')], [])[0]?.data).not.toHaveProperty('runAt');
  });

  it('numbers the end of a job that never ran above everything else', () => {
    const job = makeJobRow({ status: 'expired', finishedAt: at });
    expect(typesOf(job, [], [])).toEqual([
      [1, 'job.queued'],
      [999_999, 'job.expired'],
    ]);
  });
});
