import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeJobRow } from '../../test/support/job-row.ts';
import { webhookEvents } from '../contract/enqueue.ts';
import { webhookPayloads } from '../contract/webhook-bodies.ts';
import { toOutboxEntry, WEBHOOK_BODY_LIMIT, type WebhookEnd } from './webhook-body.ts';

const url = 'https://example.com/hook';
const job = makeJobRow({ status: 'processing', attempt: 2, webhook: { url, events: [...webhookEvents] } });
const completed: WebhookEnd = { status: 'completed', reason: null, error: null, output: '{"n":1}' };
const nowMs = Date.parse('2026-01-02T03:04:05.678Z');

function bodyOf(row: typeof job, end: WebhookEnd): { text: string; data: Record<string, unknown> } {
  const text = toOutboxEntry(row, end, nowMs).body;
  return { text, data: JSON.parse(text).data };
}

describe('toOutboxEntry', () => {
  it('has no address for a job without a webhook, or for an event that was not asked for: only subscriptions are told', () => {
    expect(toOutboxEntry({ ...job, webhook: null }, completed, nowMs)).toMatchObject({ url: null });
    const picky = { ...job, webhook: { url, events: ['job.failed' as const] } };
    expect(toOutboxEntry(picky, completed, nowMs)).toMatchObject({ url: null, event: 'job.completed' });
  });

  it('tells the end of the job', () => {
    const entry = toOutboxEntry(job, completed, nowMs);
    expect(entry).toMatchObject({ event: 'job.completed', url, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    expect(JSON.parse(entry.body)).toEqual({
      type: 'job.completed',
      timestamp: '2026-01-02T03:04:05.678Z',
      data: {
        id: job.id,
        type: 'some:job',
        queue: 'some',
        tenant: 'default',
        status: 'completed',
        reason: null,
        attempt: 2,
        maxAttempts: 3,
        tags: [],
        createdAt: '2026-01-01T00:00:00.000Z',
        startedAt: null,
        finishedAt: '2026-01-02T03:04:05.678Z',
        links: { self: `/v1/jobs/${job.id}` },
        metadata: {},
        output: { n: 1 },
      },
    });
  });

  it('tells of an error without its stack and causes, and cuts a long message at a whole character', () => {
    const message = `${'x'.repeat(1999)}\u{1f600}`;
    const error = { name: 'E', message, code: 'C', stack: 'at home', cause: { name: 'F', message: 'g' }, attempt: 2 };
    const { text, data } = bodyOf(job, { status: 'failed', reason: 'non_retryable', error, output: null });
    expect(data.error).toEqual({ name: 'E', message: `${'x'.repeat(1999)}\uFFFD`, code: 'C', attempt: 2 });
    expect(text).not.toMatch(/\\ud[89a-f]/i);
    expect(data).not.toHaveProperty('output');
  });

  it('is as the document of the API describes it', () => {
    const failed = { name: 'E', message: 'm', attempt: 2 };
    const ends: WebhookEnd[] = [
      completed,
      { status: 'failed', reason: 'timeout', error: failed, output: null },
      { status: 'cancelled', reason: null, error: null, output: null },
      { status: 'expired', reason: null, error: null, output: null },
    ];
    for (const end of ends) {
      const { text } = bodyOf(job, end);
      expect(z.strictObject(webhookPayloads[`job.${end.status}`].schema.shape).parse(JSON.parse(text))).toBeDefined();
    }
  });

  it('leaves out the output, then the metadata, then all but the fixed fields, to stay below the limit', () => {
    const big = JSON.stringify('x'.repeat(WEBHOOK_BODY_LIMIT));
    expect(bodyOf(job, { ...completed, output: big }).data).toMatchObject({ outputOmitted: true, metadata: {} });
    const wide = { ...job, metadata: { m: 'ü'.repeat(10_000) } };
    expect(bodyOf(wide, { ...completed, output: '1' }).data).toMatchObject({
      outputOmitted: true,
      metadataOmitted: true,
    });

    const worst = makeJobRow({
      ...wide,
      type: 't'.repeat(200),
      tags: Array.from({ length: 20 }, () => '\u0001'.repeat(100)),
    });
    const error = { name: '\u0001'.repeat(200), message: '\u0001'.repeat(8000), attempt: 1 };
    const { text, data } = bodyOf(worst, { status: 'failed', reason: 'timeout', error, output: null });
    expect(Buffer.byteLength(text)).toBeLessThan(WEBHOOK_BODY_LIMIT);
    expect(data).toMatchObject({ id: worst.id, status: 'failed', reason: 'timeout', tags: [] });
  });

  it('says that the output was left out only when there was one', () => {
    const wide = { ...job, metadata: { m: 'x'.repeat(30_000) } };
    const { data } = bodyOf(wide, { status: 'cancelled', reason: null, error: null, output: null });
    expect(data).toMatchObject({ metadataOmitted: true });
    expect(data).not.toHaveProperty('outputOmitted');
  });
});
