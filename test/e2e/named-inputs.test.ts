import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const MESSAGE = /^there is no query "none"; there are: jobs, records, test\./;
const wrong = { type: 'data:export', input: { query: 'none' } };
const good = { type: 'data:export', input: { query: 'test.place' } };
const errors = [{ path: 'input.query', message: expect.stringMatching(MESSAGE) }];

describe('an input that names a query that is not there', () => {
  let installation: Installation;
  let program: Program;
  let queue: Queue;

  beforeAll(async () => {
    installation = await Installation.create({ transport: 'bullmq' });
    program = await installation.start();
    queue = new Queue('data', { prefix: installation.prefix, connection: { url: inject('redisUrl') } });
  });
  afterAll(async () => {
    await queue?.close();
    await installation?.remove();
  });

  const listExports = async () =>
    (await program.call<Page<JobResource>>('/v1/jobs?type=data:export&limit=200')).body.items;

  it('is answered with 422, together with what is wrong with the options, and nothing is recorded', async () => {
    const { status, body } = await program.call<Problem>('/v1/jobs', { json: wrong });
    expect({ status, body }).toMatchObject({ status: 422, body: { code: 'INVALID_FIELDS', errors } });
    const both = await program.call<Problem>('/v1/jobs', { json: { ...wrong, options: { delayMs: -1 } } });
    expect(both.body.errors).toEqual([{ path: 'options.delayMs', message: expect.any(String) }, ...errors]);
    expect(await listExports()).toEqual([]);
  });

  it('is rejected by its index among others, which are accepted', async () => {
    const answer = await program.call('/v1/jobs/bulk', { json: { jobs: [good, wrong] } });
    expect(answer).toMatchObject({ status: 200, body: { accepted: 1, rejected: [{ index: 1, errors }] } });
  });

  it('is refused as the new input of a retry, which leaves the job as it is', async () => {
    const { id } = await program.enqueue(good.type, good.input, { delayMs: 600_000 });
    await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
    const refused = await program.call<Problem>(`/v1/jobs/${id}/retry`, { json: { input: wrong.input } });
    expect(refused).toMatchObject({ status: 422, body: { code: 'INVALID_FIELDS', errors } });
    expect(await program.job(id)).toMatchObject({ status: 'cancelled', input: good.input });
    expect((await program.call(`/v1/jobs/${id}/retry`, { json: { input: good.input } })).status).toBe(202);
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
  });

  it('fails the pipeline that calls it, before any of its steps is recorded', async () => {
    const { id } = await program.enqueue('test:exporting', [good.input, wrong.input]);
    const job = await program.jobEnded(id);
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
    expect(job.error?.message).toMatch(/^step "data:export#1": input\[1\]\.query: there is no query "none"/);
    expect((await listExports()).filter(({ parentId }) => parentId === id)).toEqual([]);
  });

  it('fails as invalid_input when another BullMQ producer added it', async () => {
    const added = await queue.add(wrong.type, wrong.input, { attempts: 5 });
    const find = async () =>
      (await listExports()).find((job) => job.metadata.bullmqJobId === added.id && job.finishedAt !== null);
    const job = await waitFor(find, { describe: 'the job is recorded and has ended' });
    expect(job).toMatchObject({ status: 'failed', reason: 'invalid_input', attempt: 1 });
    expect(job.error?.message).toMatch(/^input\.query: there is no query "none"; there are: jobs, records, test\./);
  });
});
