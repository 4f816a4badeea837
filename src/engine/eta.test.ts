import { describe, expect, it } from 'vitest';
import { makeJobRow } from '../../test/support/job-row.ts';
import { etaMsOf } from './eta.ts';

const at = new Date('2026-01-01T00:00:00.000Z');

describe('etaMsOf', () => {
  const job = makeJobRow({ status: 'processing', startedAt: at, progressPercent: 25 });

  it('expects the rest to go as fast as what is done', () => {
    expect(etaMsOf(job, at.getTime() + 1000)).toBe(3000);
    expect(etaMsOf({ ...job, progressPercent: 100 }, at.getTime() + 1000)).toBe(0);
  });

  it('does not guess before there is progress, nor when nothing runs', () => {
    expect(etaMsOf({ ...job, progressPercent: 0 }, at.getTime() + 1000)).toBeNull();
    expect(etaMsOf({ ...job, progressPercent: 0.3 }, at.getTime() + 1000)).toBeNull();
    expect(etaMsOf({ ...job, status: 'retrying' }, at.getTime() + 1000)).toBeNull();
    expect(etaMsOf(job, at.getTime() - 1000)).toBe(0); // the clocks of two machines
  });
});
