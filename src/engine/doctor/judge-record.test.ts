import { describe, expect, it } from 'vitest';
import type { QueueWork } from '../../store/diagnosis.ts';
import { noDrift } from '../upkeep/drift.ts';
import { judgeDrift, judgeLeader, judgeWaiting, judgeWebhooks, judgeWorkers } from './judge-record.ts';

const MINUTE = 60_000;

const served: QueueWork = { queue: 'mail', isPaused: false, due: 12, oldestMs: 1000, workers: 2 };
const work = (changes: Partial<QueueWork> = {}): QueueWork => ({ ...served, ...changes });

describe('workers', () => {
  it('are in order where nothing is due, or every queue with work has one', () => {
    expect(judgeWorkers({ queues: [], workers: 0 })).toMatchObject({
      verdict: 'ok',
      found: 'none is alive; nothing is due',
    });
    expect(judgeWorkers({ queues: [work()], workers: 1 })).toMatchObject({
      verdict: 'ok',
      found: '1 worker alive; every queue with work has one',
    });
  });

  it('are missed by a queue with work that none serves, though others are alive', () => {
    const none = judgeWorkers({ queues: [work({ workers: 0 })], workers: 0 });
    expect(none).toMatchObject({ verdict: 'wrong', found: 'nobody serves mail (12 due)' });
    expect(none.advice).toContain('longshore start');
    const others = judgeWorkers({ queues: [work({ workers: 0 }), work({ queue: 'http' })], workers: 2 });
    expect(others).toMatchObject({ verdict: 'wrong', advice: expect.stringContaining('QUEUES') });
  });

  it('are not missed by a queue that is paused: that is a note', () => {
    const paused = work({ isPaused: true, workers: 0 });
    expect(judgeWorkers({ queues: [paused], workers: 0 })).toMatchObject({
      verdict: 'note',
      found: 'paused: mail (12 due)',
      advice: expect.stringContaining('POST /v1/queues/mail/resume'),
    });
    const both = judgeWorkers({ queues: [paused, work({ queue: 'http', workers: 0 })], workers: 1 });
    expect(both).toMatchObject({ verdict: 'wrong', found: 'nobody serves http (12 due); paused: mail (12 due)' });
  });

  it('are told of a few queues, not of a hundred', () => {
    const queues = Array.from({ length: 8 }, (_, index) => work({ queue: `q${index}`, due: 1, workers: 0 }));
    expect(judgeWorkers({ queues, workers: 0 }).found).toMatch(/^nobody serves q0 \(1 due\), .*q4 \(1 due\), 3 more$/);
  });
});

describe('the oldest waiting job', () => {
  it.each([
    [5 * MINUTE, 'ok'],
    [5 * MINUTE + 1, 'note'],
    [60 * MINUTE, 'note'],
    [60 * MINUTE + 1, 'wrong'],
  ])('of %d ms: %s', (oldestMs, verdict) => {
    const queues = [work(), work({ queue: 'slow', oldestMs, due: 3 })];
    const finding = judgeWaiting({ queues, workers: 1 });
    expect(finding.verdict).toBe(verdict);
    expect(finding.found).toContain('slow (3 due)');
  });

  it('is not one of a paused queue, nor one that runs', () => {
    const queues = [work({ isPaused: true, oldestMs: 90 * MINUTE }), work({ oldestMs: null })];
    expect(judgeWaiting({ queues, workers: 1 })).toMatchObject({ verdict: 'ok', found: 'no job that is due waits' });
  });
});

describe('webhooks', () => {
  const latest = { jobId: 'j1', url: 'https://user:secret@example.com/hook?token=secret', error: 'answered 500' };

  it('that failed for good are wrong; those that are tried again are a note', () => {
    expect(judgeWebhooks({ failed: 0, struggling: 0, latest: null })).toMatchObject({ verdict: 'ok' });
    expect(judgeWebhooks({ failed: 2, struggling: 1, latest })).toMatchObject({
      verdict: 'wrong',
      found: '2 webhooks failed for good in the last day, the last to example.com: answered 500',
      advice: expect.stringContaining('/v1/jobs/j1/webhooks'),
    });
    expect(judgeWebhooks({ failed: 0, struggling: 1, latest })).toMatchObject({ verdict: 'note' });
  });

  it('do not show what is secret in an address', () => {
    expect(JSON.stringify(judgeWebhooks({ failed: 1, struggling: 0, latest }))).not.toContain('secret');
  });
});

describe('the leader', () => {
  it('must be there where workers are alive', () => {
    expect(judgeLeader({ lease: { holder: 'a', leftMs: 8000 }, workers: 1 })).toMatchObject({ verdict: 'ok' });
    expect(judgeLeader({ lease: { holder: 'a', leftMs: -9000 }, workers: 1 })).toMatchObject({ verdict: 'note' });
    expect(judgeLeader({ lease: { holder: 'a', leftMs: -11_000 }, workers: 1 })).toMatchObject({ verdict: 'wrong' });
    expect(judgeLeader({ lease: null, workers: 1 })).toMatchObject({ verdict: 'wrong' });
    expect(judgeLeader({ lease: null, workers: 0 })).toMatchObject({ verdict: 'ok' });
  });
});

describe('drift', () => {
  const none = noDrift();
  const some = { drift: { ...none, missing: 3, lost_run: 1 }, pausedThere: [] };

  it('is told by kind, without the kinds that there are none of', () => {
    expect(judgeDrift({ drift: none, pausedThere: [] }, { isLed: false })).toMatchObject({ verdict: 'ok' });
    expect(judgeDrift(some, { isLed: false })).toMatchObject({
      verdict: 'wrong',
      found: 'record and queues disagree: 3 missing, 1 lost_run',
      advice: expect.stringContaining('longshore admin reconcile'),
    });
  });

  it('is a note while a leader is there that repairs it', () => {
    expect(judgeDrift(some, { isLed: true }).verdict).toBe('note');
  });

  it('tells of queues that somebody paused in BullMQ', () => {
    expect(judgeDrift({ drift: none, pausedThere: ['mail'] }, { isLed: true })).toMatchObject({
      verdict: 'note',
      found: 'paused in BullMQ, and not by Longshore: mail',
    });
  });
});
