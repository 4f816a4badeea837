import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { makeJob } from '../../test/support/fake-server.ts';
import type { JobResource } from '../contract/job.ts';
import { renderJob } from './job-view.ts';

describe('one job, for people', () => {
  const style = { width: 100, colors: pc.createColors(false) };
  const lineOf = (waitingFor: JobResource['waitingFor']) =>
    renderJob(makeJob({ waitingFor }), Date.UTC(2026, 0), style)
      .split('\n')
      .find((line) => line.startsWith('waits for'));

  it('says in one line why it does not run, and nothing where nothing holds it up', () => {
    expect(lineOf({ reason: 'backlog', position: 812, etaMs: 4100 })).toBe(
      'waits for its turn, 812 before it, about 4.1 s',
    );
    expect(lineOf({ reason: 'queue_paused', position: null, etaMs: null })).toBe(
      'waits for its queue, which is paused',
    );
    expect(lineOf({ reason: 'delay', position: null, etaMs: 60_000 })).toBe('waits for its time');
    expect(lineOf(null)).toBeUndefined();
    expect(lineOf(undefined)).toBeUndefined(); // of a list
  });
});
