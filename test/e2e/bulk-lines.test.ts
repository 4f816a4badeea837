import { request as openRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../src/client.ts';
import { type BulkLine, REJECTED_MAX } from '../../src/contract/bulk.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const MAX_BODY_BYTES = 16_384;
const LINES = { 'content-type': 'application/x-ndjson' };

/** Waits in the record, so that these tests run nothing. */
const later = (input: unknown, options: object = {}) => ({
  type: 'test:echo',
  input,
  options: { delayMs: 3_600_000, ...options },
});
const line = (input: unknown, options?: object) => JSON.stringify(later(input, options));

describe.each<TransportName>(['postgres', 'bullmq'])('a stream of jobs, on the %s transport', (transport) => {
  let installation: Installation;
  let program: Program;
  let client: Client;

  beforeAll(async () => {
    const settings = { MAX_BODY_BYTES: String(MAX_BODY_BYTES), QUEUE_CONCURRENCY: '50' };
    installation = await Installation.create({ transport, settings });
    program = await installation.start();
    client = createClient({ url: program.url });
  });
  afterAll(() => installation?.remove());

  const post = <Body = Record<string, unknown>>(text: string, headers = {}) =>
    program.call<Body>('/v1/jobs/bulk', { text, headers: { ...LINES, ...headers } });
  const listTag = async (tag: string) =>
    (await program.call<Page<JobResource>>(`/v1/jobs?tag=${tag}&limit=200`)).body.items.map(({ id }) => id).reverse();

  it('runs the jobs of all good lines, and names the others by their place among the lines that are not blank', async () => {
    const text = [
      `\uFEFF${JSON.stringify({ type: 'test:echo', input: 'first', options: { tags: ['mixed'] } })}\r`,
      '',
      '{"type": "test:echo", "inp',
      '  ',
      JSON.stringify({ type: 'test:nope', input: 1 }),
      JSON.stringify({ type: 'test:echo', input: 'x'.repeat(MAX_BODY_BYTES) }),
      '{"type":"test:echo","input":{"__proto__":1}}',
      JSON.stringify({ type: 'test:echo', input: 'last', options: { tags: ['mixed'] } }),
    ].join('\n');
    const { status, body } = await post(text);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      accepted: 2,
      rejectedTotal: 4,
      deduplicated: [],
      ids: [expect.any(String), expect.any(String)],
    });
    const rejected = body.rejected as { index: number; errors: Problem['errors'] }[];
    expect(rejected.map(({ index, errors }) => [index, errors?.[0]?.path])).toEqual([
      [1, ''],
      [2, 'type'],
      [3, ''],
      [4, 'input'],
    ]);
    const [first = '', last = ''] = body.ids as string[];
    expect(first < last).toBe(true);
    expect((await program.jobEnded(first)).output).toBe('first');
    expect((await program.jobEnded(last)).output).toBe('last');
  });

  it('takes more jobs than one statement holds, with ids in the order of the lines', async () => {
    const jobs = function* (): Generator<BulkLine> {
      for (let n = 0; n < 2600; n += 1) yield n % 1000 === 999 ? '{' : later(n, { tags: [`row-${n}`] });
    };
    const sent: number[] = [];
    const answer = await client.jobs.createFromStream(jobs(), { onSent: (count) => sent.push(count) });
    expect(answer).toMatchObject({ accepted: 2598, rejectedTotal: 2 });
    expect(answer.rejected.map(({ index }) => index)).toEqual([999, 1999]);
    expect([...answer.ids].sort()).toEqual(answer.ids);
    expect(new Set(answer.ids).size).toBe(2598);
    for (const [place, row] of [
      [0, 0],
      [998, 998],
      [999, 1000],
      [2597, 2599],
    ] as const) {
      expect(await listTag(`row-${row}`)).toEqual([answer.ids[place]]);
    }
    expect(sent.at(-1)).toBe(2600);
  });

  it('answers an empty stream, and lists the first of many rejected lines', async () => {
    expect((await post('\n')).body).toEqual({ accepted: 0, rejected: [], rejectedTotal: 0, ids: [], deduplicated: [] });
    const { body } = await post('{\n'.repeat(REJECTED_MAX + 500));
    expect(body).toMatchObject({ accepted: 0, rejectedTotal: REJECTED_MAX + 500 });
    expect(body.rejected).toHaveLength(REJECTED_MAX);
  });

  it('gives a repeated call its first answer, and finds the jobs of a stream that broke off', async () => {
    const lines = Array.from({ length: 1200 }, (_, n) => line(n, { tags: n % 300 === 0 ? ['broken'] : [] }));
    const key = { 'Idempotency-Key': `broken-${transport}` };
    await breakOff(
      program.url,
      `${lines.slice(0, 1100).join('\n')}\n`,
      { ...LINES, ...key },
      async () => (await listTag('broken')).length >= 3, // a thousand lines are committed by then
    );
    const before = await listTag('broken');
    const { status, body } = await waitFor(
      async () => {
        const answer = await sendChunked(program.url, lines.join('\n'), { ...LINES, ...key });
        return answer.status === 409 ? undefined : answer; // the first call has not heard yet that its caller has gone
      },
      { describe: 'the call may be made again' },
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 1200, rejectedTotal: 0 });
    const after = await listTag('broken');
    expect(after).toHaveLength(4);
    expect(after.slice(0, 3)).toEqual(before.slice(0, 3));
    const again = await sendChunked(program.url, lines.join('\n'), { ...LINES, ...key });
    expect(again.replayed).toBe('true');
    expect(again.body).toEqual(body);
  });

  it('refuses a batch that there is not before it reads any line', async () => {
    const path = '/v1/jobs/bulk?batchId=01980000-0000-7000-8000-000000000001';
    const { status, body } = await program.call<Problem>(path, { text: line(1), headers: LINES });
    expect(status).toBe(422);
    expect(body.errors).toEqual([{ path: 'batchId', message: 'there is no such batch that is open' }]);
  });
});

/** Sends a part of a body, and goes away once `isEnough`. */
async function breakOff(
  url: string,
  text: string,
  headers: Record<string, string>,
  isEnough: () => Promise<boolean>,
): Promise<void> {
  const request = openRequest(`${url}/v1/jobs/bulk`, { method: 'POST', headers });
  request.on('error', () => undefined); // it is broken off
  request.write(text);
  await waitFor(isEnough, { describe: 'the beginning of the stream is committed' }).finally(() => request.destroy());
}

async function sendChunked(url: string, text: string, headers: Record<string, string>) {
  const body = new Blob([text]).stream();
  const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
  const response = await fetch(`${url}/v1/jobs/bulk`, init);
  return {
    status: response.status,
    replayed: response.headers.get('idempotent-replayed'),
    body: await response.json(),
  };
}
