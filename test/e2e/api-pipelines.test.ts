import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { type StepResource, stepSchema } from '../../src/contract/steps.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

let installation: Installation;
let program: Program;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
});
afterAll(() => installation?.remove());

const keysOf = (steps: readonly StepResource[] | undefined) => steps?.map(({ key, status }) => `${key} ${status}`);

describe('GET /v1/jobs/{id}/steps', () => {
  it('lists the steps of a pipeline, nested as deep as it is asked to', async () => {
    const { id } = await program.enqueue('test:film', { scenes: 3 });
    await program.jobEnded(id);
    const { jobs } = createClient({ url: program.url });
    const { items, nextCursor } = await jobs.steps(id);
    expect(keysOf(items)).toEqual(['test:echo#1 completed', 'scenes completed', 'cut completed']);
    expect(nextCursor).toBeNull();
    expect(items[1]).not.toHaveProperty('steps');
    const deep = await jobs.steps(id, { depth: 3, limit: 2 });
    expect(z.array(stepSchema).parse(deep.items)).toEqual(deep.items);
    expect(keysOf(deep.items[1]?.steps)).toEqual(['test:echo#1[0] completed', 'test:echo#1[1] completed']);
    expect(deep.items[1]?.hasMoreSteps).toBe(true);
    expect(keysOf((await jobs.steps(id, { limit: 2, cursor: deep.nextCursor ?? '' })).items)).toEqual([
      'cut completed',
    ]);
    const [, scenes] = deep.items;
    const { nextCursor: cursor } = await jobs.steps(scenes?.id ?? '', { limit: 2 });
    const inner = await jobs.steps(scenes?.id ?? '', { limit: 2, cursor: cursor ?? '' });
    expect(keysOf(inner.items)).toEqual(['test:echo#1[2] completed']);
    expect(await program.job(inner.items[0]?.id ?? '')).toMatchObject({
      parentId: items[1]?.id,
      stepKey: 'test:echo#1[2]',
    });
  });

  it.each(['limit=0', 'limit=201', 'depth=0', 'depth=11', 'depth=x', 'cursor=x', 'cursor=1', 'cursor=-1.0', 'more=1'])(
    'refuses ?%s',
    async (query) => {
      const { id } = await program.enqueue('test:echo', 1);
      const { status, body } = await program.call<Problem>(`/v1/jobs/${id}/steps?${query}`);
      expect({ status, code: body.code }).toEqual({ status: 422, code: 'INVALID_FIELDS' });
    },
  );
});

describe('POST /v1/jobs/{id}/events/{name}', () => {
  /** A pipeline that waits for the event `go`. */
  async function ask(): Promise<string> {
    const { id } = await program.enqueue('test:film', { isAsking: true });
    const isAsking = async () => {
      const { items } = (await program.call<Page<StepResource>>(`/v1/jobs/${id}/steps`)).body;
      return items.some(({ kind, status }) => kind === 'event' && status === 'waiting');
    };
    await waitFor(isAsking, { describe: 'it waits for the event' });
    return id;
  }
  const answerOf = async (id: string) => ((await program.jobEnded(id)).output as { answer: unknown }).answer;

  it.each<[what: string, call: { json?: unknown; text?: string }, payload: unknown]>([
    ['an object', { json: { take: 2 } }, { take: 2 }],
    ['an empty object', { json: {} }, {}],
    ['a text', { json: 'action!' }, 'action!'],
    ['false', { json: false }, false],
    ['null', { json: null }, null],
    ['nothing', {}, null],
  ])('hands over its whole body: %s', async (_what, call, payload) => {
    const id = await ask();
    const { status, body } = await program.call<JobResource>(`/v1/jobs/${id}/events/go`, { method: 'POST', ...call });
    expect({ status, id: body.id }).toEqual({ status: 202, id });
    expect(await answerOf(id)).toEqual(payload);
  });

  it('has one effect however often it comes with the same Idempotency-Key', async () => {
    const id = await ask();
    const { jobs } = createClient({ url: program.url });
    const send = () => jobs.sendEvent(id, 'go', 1, { idempotencyKey: `go-${id}` });
    await send();
    expect(await answerOf(id)).toBe(1);
    expect((await send()).id).toBe(id);
    const other = jobs.sendEvent(id, 'stop', 1, { idempotencyKey: `go-${id}` });
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('says why it is refused', async () => {
    const { id } = await program.enqueue('test:film', {}, { delayMs: 600_000 });
    const plain = await program.enqueue('test:echo', 1, { delayMs: 600_000 });
    const send = async (job: string, name: string, call: object = {}) => {
      const { status, body } = await program.call<Problem>(`/v1/jobs/${job}/events/${name}`, {
        method: 'POST',
        ...call,
      });
      return { status, code: body.code };
    };
    expect(await send(id, '.hidden')).toEqual({ status: 422, code: 'INVALID_FIELDS' });
    expect(await send(id, 'a%2Fb')).toEqual({ status: 422, code: 'INVALID_FIELDS' });
    expect(await send(plain.id, 'go')).toEqual({ status: 422, code: 'INVALID_FIELDS' });
    expect(await send(id, 'go', { json: 'a\u0000b' })).toEqual({ status: 422, code: 'INVALID_FIELDS' });
    expect(await send(id, 'go', { text: '{', headers: { 'content-type': 'application/json' } })).toEqual({
      status: 400,
      code: 'MALFORMED_JSON',
    });
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    expect(await send(id, 'go')).toEqual({ status: 409, code: 'JOB_TERMINAL' });
  });
});
