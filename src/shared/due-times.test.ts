import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDueTimes, findTimingFaults, listNext, type Timing } from './due-times.ts';

const none: Timing = { cron: null, everyMs: null, runAt: null, timeZone: 'UTC', anchorAt: 0 };
const cronTimes = (cron: string, timeZone = 'UTC') => createDueTimes({ ...none, cron, timeZone });
const next = (cron: string, timeZone: string, from: string, count: number) =>
  listNext(cronTimes(cron, timeZone), Date.parse(from), count).map((ms) => new Date(ms).toISOString().slice(0, 16));

describe('cron across daylight saving', () => {
  it.each<[what: string, cron: string, zone: string, from: string, expected: string[]]>([
    // Berlin: 2026-03-29 02:00 is 03:00 (01:00Z); 2026-10-25 03:00 is 02:00 again (01:00Z)
    [
      'in the gap: at its end',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00', '2026-03-30T00:30'],
    ],
    [
      'at its end and in it: once',
      '0 2,3 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00', '2026-03-30T00:00'],
    ],
    [
      'list into the gap',
      '30 2,3 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00', '2026-03-29T01:30'],
    ],
    ['twice: the first', '30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    ['from within the second hour', '30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10Z', ['2026-10-26T01:30']],
    [
      'every 15 minutes, gap',
      '*/15 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:30Z',
      ['2026-03-29T00:45', '2026-03-29T01:00', '2026-03-29T01:15'],
    ],
    [
      'every 15 minutes, twice',
      '*/15 * * * *',
      'Europe/Berlin',
      '2026-10-25T00:40Z',
      ['2026-10-25T00:45', '2026-10-25T01:00', '2026-10-25T01:15'],
    ],
    [
      'each hour, twice',
      '15 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:30Z',
      ['2026-10-25T00:15', '2026-10-25T01:15', '2026-10-25T02:15'],
    ],
    [
      'steps within one hour: none in the gap',
      '*/30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00Z',
      ['2026-03-30T00:00'],
    ],
    // New York: 2026-03-08 02:00 is 03:00 (07:00Z); 2026-11-01 02:00 is 01:00 again (06:00Z)
    ['in the gap', '30 2 * * *', 'America/New_York', '2026-03-07T12:00Z', ['2026-03-08T07:00', '2026-03-09T06:30']],
    ['twice', '30 1 * * *', 'America/New_York', '2026-10-31T12:00Z', ['2026-11-01T05:30', '2026-11-02T06:30']],
    // Lord Howe: half an hour. 2026-10-04 02:00 is 02:30 (15:30Z the day before); 2026-04-05 02:00 is 01:30 again
    [
      'in a gap of half an hour',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T00:00Z',
      ['2026-10-03T15:30', '2026-10-04T15:15'],
    ],
    [
      'twice within half an hour',
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-04T00:00Z',
      ['2026-04-04T14:45', '2026-04-05T15:15'],
    ],
    [
      'no daylight saving, three quarters of an hour off',
      '0 9 * * *',
      'Asia/Kathmandu',
      '2026-03-28T00:00Z',
      ['2026-03-28T03:15', '2026-03-29T03:15'],
    ],
  ])('%s: %s in %s after %s', (_what, cron, zone, from, expected) => {
    expect(next(cron, zone, from, expected.length)).toEqual(expected);
  });

  it('finds the same times backwards as forwards', () => {
    const zones = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC');
    const crons = fc.constantFrom(
      '30 2 * * *',
      '*/20 1-3 * * *',
      '15 * * * *',
      '0 1,2,3 * * *',
      '59 59 1 * * *',
      '45 1 * * SUN',
    );
    const days = fc.integer({ min: 0, max: 365 * 4 });
    fc.assert(
      fc.property(zones, crons, days, (zone, cron, day) => {
        const times = cronTimes(cron, zone);
        const forwards = listNext(times, Date.UTC(2025, 0, 1) + day * 86_400_000, 30);
        expect(times.upTo(forwards.at(-1) as number, 30)).toEqual(forwards);
      }),
      { numRuns: 200 },
    );
  });
});

describe('cron', () => {
  it.each([
    ['0 0 13 * FRI', ['2026-01-02', '2026-01-09', '2026-01-13']], // either day, as in Vixie cron
    ['0 0 13 * +FRI', ['2026-02-13', '2026-03-13', '2026-11-13']], // both
    ['0 0 L * *', ['2026-01-31', '2026-02-28', '2026-03-31']],
    ['0 0 * * FRI#2', ['2026-01-09', '2026-02-13', '2026-03-13']],
    ['0 0 * * 5L', ['2026-01-30', '2026-02-27', '2026-03-27']],
    ['0 0 29 2 *', ['2028-02-29', '2032-02-29', '2036-02-29']],
    ['@weekly', ['2026-01-04', '2026-01-11', '2026-01-18']],
  ])('%s', (cron, days) => {
    expect(next(cron, 'UTC', '2026-01-01T00:00:00Z', 3).map((text) => text.slice(0, 10))).toEqual(days);
  });

  it('takes seconds, and moves strictly on', () => {
    const times = cronTimes('*/10 * * * * *');
    expect(times.after(10_000)).toBe(20_000);
    expect(times.after(9999)).toBe(10_000);
    expect(times.upTo(30_000, 2)).toEqual([20_000, 30_000]);
    expect(times.upTo(29_999, 2)).toEqual([10_000, 20_000]);
  });
});

describe('intervals', () => {
  it('stay on the grid of their anchor, whenever one looks', () => {
    const everyMs = fc.integer({ min: 1000, max: 10 ** 10 });
    const anchorAt = fc.integer({ min: 0, max: 10 ** 13 });
    const sinceMs = fc.integer({ min: -(10 ** 6), max: 10 ** 12 });
    fc.assert(
      fc.property(everyMs, anchorAt, sinceMs, fc.integer({ min: 1, max: 20 }), (every, anchor, since, count) => {
        const times = createDueTimes({ ...none, everyMs: every, anchorAt: anchor });
        const at = anchor + since;
        const first = times.after(at) as number;
        expect((first - anchor) % every).toBe(0);
        expect(first).toBeGreaterThan(Math.max(at, anchor));
        if (since >= 0) expect(first - at).toBeLessThanOrEqual(every);
        expect(times.after(first)).toBe(first + every);
        const past = times.upTo(at, count);
        expect(past.every((due) => due <= at && due > anchor && (due - anchor) % every === 0)).toBe(true);
        if (past.length > 0) expect(times.after(at)).toBe((past.at(-1) as number) + every);
        expect(listNext(times, (past[0] ?? first) - 1, past.length)).toEqual(past);
      }),
    );
  });
});

describe('a time', () => {
  it('is due once', () => {
    const times = createDueTimes({ ...none, runAt: 5000 });
    expect([times.after(4999), times.after(5000), times.upTo(4999, 5), times.upTo(5000, 5)]).toEqual([
      5000,
      undefined,
      [],
      [5000],
    ]);
  });
});

describe('faults of a timing', () => {
  const faults = (timing: Partial<Timing>) => findTimingFaults({ ...none, ...timing }, Date.UTC(2026, 0, 1));

  it.each([
    [{ cron: '0 0 30 2 *' }, 'cron', 'never fires: no date has day-of-month "30", month "2"'],
    [{ cron: '0 0 31 4,6 *' }, 'cron', 'never fires'],
    [{ cron: '61 * * * *' }, 'cron', 'minute "61"'],
    [
      { cron: '@daily', timeZone: 'Mars/Olympus' },
      'timeZone',
      'there is no time zone "Mars/Olympus"; names of the IANA',
    ],
    [{ cron: '@daily', timeZone: '+02:00' }, 'timeZone', 'is not a time zone'],
    [{ runAt: Date.UTC(2025, 0, 1) }, 'runAt', 'must be in the future'],
  ])('%j', (timing, path, message) => {
    expect(faults(timing)).toEqual([{ path, message: expect.stringContaining(message) }]);
  });

  it('are told together, and are none of what is right', () => {
    expect(faults({ cron: '0 25 * * *', timeZone: 'Nowhere' }).map(({ path }) => path)).toEqual(['timeZone', 'cron']);
    expect(faults({ cron: '0 0 29 2 *', timeZone: 'asia/kathmandu' })).toEqual([]);
  });
});
