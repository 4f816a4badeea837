import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng, readPixel } from '../../examples/photo-gallery/png.ts';
import { approveRefund } from '../../examples/refund-approval/refund-approval.ts';
import { collectPages, createClient } from '../../src/client.ts';
import type { JobResource } from '../../src/contract/job.ts';
import { type EnqueuedChild, runJob } from '../../src/testing.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const REFUND = { order: 'A-17', cents: 4200 };
const LONG_MS = 120_000;

let installation: Installation;
let program: Program;

async function startProgram(transport: 'postgres' | 'bullmq'): Promise<void> {
  const settings = { JOBS_DIR: EXAMPLES, OUTBOUND_ALLOW_PRIVATE: 'true' };
  installation = await Installation.create({ transport, settings });
  program = await installation.start();
}

/** The jobs of a pipeline's steps, in the order in which they were made. */
async function listChildren(parentId: string, type?: string): Promise<JobResource[]> {
  const { jobs } = createClient({ url: program.url });
  return (await collectPages((cursor) => jobs.list({ parentId, type, limit: 200, cursor }))).reverse();
}

describe.each(['postgres', 'bullmq'] as const)('the example of a price survey on %s', (transport) => {
  beforeAll(() => startProgram(transport));
  afterAll(() => installation?.remove());

  it('reads 1,000 pages, each in a job of its own, and summarizes them in one', { timeout: 2 * LONG_MS }, async () => {
    const { id } = await program.enqueue('survey:prices', {});
    const { status, output, progress } = await program.jobEnded(id, LONG_MS);
    expect({ status, output, percent: progress.percent }).toEqual({
      status: 'completed',
      output: { prices: 3000, minCents: 105, medianCents: 50_015, maxCents: 99_994 },
      percent: 100,
    });
    const pages = await listChildren(id, 'survey:page');
    expect(pages.map(({ input }) => (input as { page: number }).page).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, index) => index + 1),
    );
    expect(new Set(pages.map((page) => page.status))).toEqual(new Set(['completed']));
    expect(await listChildren(id, 'survey:summary')).toHaveLength(1);
  });
});

describe('the example of a photo gallery', () => {
  beforeAll(() => startProgram('postgres'));
  afterAll(() => installation?.remove());

  async function fetchPicture(url: string) {
    const response = await fetch(program.url + url);
    expect(response.headers.get('content-type')).toBe('image/png');
    return decodePng(Buffer.from(await response.arrayBuffer()));
  }

  it('makes a sheet, tries each photo again by itself, and leaves out the one that is damaged', {
    timeout: 2 * LONG_MS,
  }, async () => {
    const { id } = await program.enqueue('photo:gallery', { photos: 9, damaged: 5 });
    const { status, output } = await program.jobEnded(id, LONG_MS);
    expect({ status, output }).toMatchObject({ status: 'completed', output: { thumbnails: 8, leftOut: [5] } });

    const photos = await listChildren(id, 'photo:develop');
    const attempts = new Map(photos.map((photo) => [(photo.input as { number: number }).number, photo.attempt]));
    expect([...attempts].filter(([, attempt]) => attempt > 1).sort()).toEqual([3, 6, 9].map((number) => [number, 3]));

    const failed = (await listChildren(id, 'photo:thumbnail')).filter((job) => job.status === 'failed');
    expect(failed).toMatchObject([{ reason: 'non_retryable', attempt: 1, error: { name: 'NonRetryableError' } }]);

    const sheet = await fetchPicture((output as { sheet: string }).sheet);
    expect(sheet).toMatchObject({ width: 520, height: 184 }); // two rows of four
    expect(readPixel(sheet, 0, 0)).toEqual([244, 242, 236]);
    expect(readPixel(sheet, 12, 12)).not.toEqual([244, 242, 236]);
  });
});

describe('the example of an approval', () => {
  beforeAll(() => startProgram('bullmq'));
  afterAll(() => installation?.remove());

  /** A chat that takes messages as Slack does. */
  async function whileChatting(act: (url: string, messages: string[]) => Promise<void>): Promise<void> {
    const messages: string[] = [];
    await using server = createServer(async (request, response) => {
      messages.push(JSON.parse(await text(request)).text);
      response.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address() as { port: number };
    await act(`http://127.0.0.1:${address.port}/chat`, messages);
  }

  const answer = (id: string, json: unknown) => program.call(`/v1/jobs/${id}/events/decision`, { json });
  const hasAsked = (messages: readonly string[]) =>
    waitFor(() => messages.find((message) => message.startsWith('Please decide')), { describe: 'a person is asked' });

  it('asks a person, passes over what is no answer, pays when it is approved, and says so', async () => {
    await whileChatting(async (notifyUrl, messages) => {
      const { id } = await program.enqueue('refund:approve', { ...REFUND, notifyUrl });
      expect(await hasAsked(messages)).toContain(`POST /v1/jobs/${id}/events/decision`);
      expect((await program.jobIs(id, 'waiting')).progress.percent).toBeLessThan(100);
      expect((await answer(id, { approved: 'perhaps' })).status).toBe(202);
      expect((await answer(id, { approved: true, by: 'Ada' })).status).toBe(202);
      const { status, output } = await program.jobEnded(id);
      const [payment] = await listChildren(id, 'refund:pay');
      const receipt = `receipt-${payment?.id}`;
      expect({ status, output }).toEqual({ status: 'completed', output: { outcome: 'paid', by: 'Ada', receipt } });
      expect(messages).toHaveLength(2);
      expect(messages.at(-1)).toBe(`Ada has approved the refund of € 42.00 for order A-17. It is paid: ${receipt}`);
    });
  });

  it('pays nothing when the person rejects it, also after the program was restarted in between', async () => {
    await whileChatting(async (notifyUrl, messages) => {
      const { id } = await program.enqueue('refund:approve', { ...REFUND, notifyUrl });
      await hasAsked(messages);
      await program.stop('SIGTERM');
      program = await installation.start();
      await answer(id, { approved: false, by: 'Bob' });
      expect((await program.jobEnded(id)).output).toEqual({ outcome: 'rejected', by: 'Bob', receipt: null });
      expect(await listChildren(id, 'refund:pay')).toEqual([]);
      expect(messages.at(-1)).toBe('Bob has rejected the refund of € 42.00 for order A-17.');
    });
  });

  it('pays nothing when nobody answers in time', async () => {
    const { id } = await program.enqueue('refund:approve', { ...REFUND, timeoutMs: 100 });
    expect((await program.jobEnded(id)).output).toEqual({ outcome: 'unanswered', by: null, receipt: null });
    expect((await listChildren(id)).map(({ type }) => type)).toEqual(['refund:notify', 'refund:notify']);
  });

  describe('in a test of its own, without servers', () => {
    const children = ({ type }: EnqueuedChild) => (type === 'refund:pay' ? { receipt: 'receipt-1' } : null);

    it.each([
      ['paid', { approved: true, by: 'Ada' }, ['refund:notify', 'refund:pay', 'refund:notify']],
      ['rejected', { approved: false, by: 'Ada' }, ['refund:notify', 'refund:notify']],
    ])('is %s by its answer', async (outcome, decision, types) => {
      const { output, enqueued } = await runJob(approveRefund, REFUND, { children, events: { decision } });
      expect(output).toMatchObject({ outcome, by: 'Ada' });
      expect(enqueued.map(({ type }) => type)).toEqual(types);
    });

    it('is unanswered without an answer', async () => {
      const { output } = await runJob(approveRefund, REFUND, { children });
      expect(output).toEqual({ outcome: 'unanswered', by: null, receipt: null });
    });
  });
});
