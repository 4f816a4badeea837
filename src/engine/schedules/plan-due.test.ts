import { describe, expect, it } from 'vitest';
import type { CatchUp, Overlap } from '../../contract/schedules.ts';
import { createDueTimes } from '../../shared/due-times.ts';
import { applyOverlap, MAX_MISSED, MAX_WAITING, type PlannedRun, planDue } from './plan-due.ts';

const MINUTE = 60_000;
const none = { cron: null, everyMs: null, runAt: null, timeZone: 'UTC', anchorAt: 0 };
const minutes = createDueTimes({ ...none, everyMs: MINUTE });
const seconds = createDueTimes({ ...none, everyMs: 1000 });
const plan = (catchUp: CatchUp, dueAt: number, nowMs: number, times = minutes, room = 1000) =>
  planDue({ times, catchUp, dueAt, nowMs }, room);
const show = (runs: readonly PlannedRun[]) => runs.map(({ dueAt, kind, outcome }) => `${dueAt} ${kind} ${outcome}`);

describe('what is due', () => {
  it.each<CatchUp>(['none', 'last', 'all'])('fires once in time, with catchUp %s', (catchUp) => {
    const { runs, nextDueAt } = plan(catchUp, 2 * MINUTE, 2 * MINUTE + 30);
    expect(show(runs)).toEqual([`${2 * MINUTE} due enqueued`]);
    expect(nextDueAt).toBe(3 * MINUTE);
  });

  it.each<[CatchUp, number[]]>([
    ['none', [2000, 3000, 4000]],
    ['last', [2000, 3000, 4000]],
    ['all', [2000, 3000, 4000]],
  ])('fires each time of a loop that was held up for a moment, with catchUp %s', (catchUp, dues) => {
    const { runs } = plan(catchUp, 2000, 4500, seconds);
    expect(runs.map(({ dueAt, outcome }) => [dueAt, outcome])).toEqual(dues.map((due) => [due, 'enqueued']));
  });

  const hour = createDueTimes({ ...none, everyMs: 60 * MINUTE });
  it.each<[CatchUp, string[]]>([
    ['none', [`${60 * MINUTE} catch_up skipped`]],
    ['last', [`${60 * MINUTE} catch_up skipped`, `${180 * MINUTE} catch_up enqueued`]],
    ['all', [60, 120, 180].map((minute) => `${minute * MINUTE} catch_up enqueued`)],
  ])('after downtime, with catchUp %s', (catchUp, expected) => {
    const { runs, nextDueAt } = plan(catchUp, 60 * MINUTE, 200 * MINUTE, hour);
    expect(show(runs)).toEqual(expected);
    expect(nextDueAt).toBe(240 * MINUTE);
    if (catchUp !== 'all') expect(runs[0]?.detail).toContain(`(catchUp: ${catchUp})`);
  });

  it('fires what is late by less than a minute even with catchUp none', () => {
    expect(show(plan('none', 60 * MINUTE, 60 * MINUTE + 50_000, hour).runs)).toEqual([`${60 * MINUTE} due enqueued`]);
    expect(show(plan('none', 60 * MINUTE, 61 * MINUTE + 1, hour).runs)).toEqual([`${60 * MINUTE} catch_up skipped`]);
  });

  it('catches up in batches that leave nothing out', () => {
    const fired: number[] = [];
    const nowMs = 25 * MINUTE;
    let next: number | undefined = MINUTE;
    while (next !== undefined && next <= nowMs) {
      const { runs, nextDueAt } = plan('all', next, nowMs, minutes, 10);
      fired.push(...runs.map(({ dueAt }) => dueAt));
      next = nextDueAt;
    }
    expect(fired).toEqual(Array.from({ length: 25 }, (_, index) => (index + 1) * MINUTE));
  });

  it('skips the oldest beyond the limit, and says so once', () => {
    const nowMs = 1000 * (MAX_MISSED + 500);
    const { runs, nextDueAt } = plan('all', 1000, nowMs, seconds);
    expect(show(runs)).toEqual(['1000 catch_up skipped']);
    expect(runs[0]?.detail).toContain(`more than ${MAX_MISSED}`);
    expect(nextDueAt).toBe(501_000);
    const next = plan('all', nextDueAt ?? 0, nowMs, seconds);
    expect(next.runs).toHaveLength(1000);
    expect(next.nextDueAt).toBe(1_501_000);
  });

  it('fires a time that the timing itself would not name, since it was so when it was recorded', () => {
    expect(show(plan('last', 90_500, 90_600).runs)).toEqual(['90500 due enqueued']);
  });

  it('is never again after a single time', () => {
    const once = createDueTimes({ ...none, runAt: 5000 });
    expect(plan('last', 5000, 5000, once)).toMatchObject({ runs: [{ dueAt: 5000 }], nextDueAt: undefined });
    expect(plan('last', 5000, 90 * MINUTE, once).runs).toMatchObject([{ kind: 'catch_up', outcome: 'enqueued' }]);
    expect(plan('none', 5000, 90 * MINUTE, once).runs).toMatchObject([{ outcome: 'skipped' }]);
  });
});

describe('what is due while the job before has not ended', () => {
  const runs = [1, 2, 3].map((dueAt): PlannedRun => ({ dueAt, kind: 'catch_up', outcome: 'enqueued', detail: null }));
  const outcomes = (overlap: Overlap, open: { jobs: number; waiting: number }) =>
    applyOverlap(runs, overlap, open).map(({ outcome }) => outcome);
  const idle = { jobs: 0, waiting: 0 };
  const busy = { jobs: 1, waiting: 0 };

  it.each<[Overlap, { jobs: number; waiting: number }, string[]]>([
    ['allow', busy, ['enqueued', 'enqueued', 'enqueued']],
    ['skip', idle, ['enqueued', 'skipped', 'skipped']],
    ['skip', busy, ['skipped', 'skipped', 'skipped']],
    ['queue', idle, ['enqueued', 'waiting', 'waiting']],
    ['queue', busy, ['waiting', 'waiting', 'waiting']],
    ['queue', { jobs: 0, waiting: 2 }, ['waiting', 'waiting', 'waiting']],
    ['queue', { jobs: 1, waiting: MAX_WAITING - 1 }, ['waiting', 'skipped', 'skipped']],
    ['cancel_previous', busy, ['skipped', 'skipped', 'enqueued']],
  ])('overlap %s with %j', (overlap, open, expected) => expect(outcomes(overlap, open)).toEqual(expected));

  it('leaves alone what was skipped before', () => {
    const skipped: PlannedRun = { dueAt: 0, kind: 'catch_up', outcome: 'skipped', detail: 'missed' };
    const all = applyOverlap([skipped, ...runs.slice(2)], 'cancel_previous', busy);
    expect(all.map(({ outcome }) => outcome)).toEqual(['skipped', 'enqueued']);
    expect(all[0]?.detail).toBe('missed');
  });
});
