import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { AttemptResource, JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import { Child } from '../support/child.ts';
import { baseEnvironment, Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('a job that another BullMQ producer adds', () => {
  let installation: Installation;
  let program: Program;
  let site: WebhookReceiver;
  const queues: Queue[] = [];

  beforeAll(async () => {
    site = await startWebhookReceiver();
    installation = await Installation.create({ transport: 'bullmq' });
    program = await installation.start();
  });
  afterAll(async () => {
    await Promise.all(queues.map((queue) => queue.close()));
    await installation?.remove();
    await site?.stop();
  });

  function open(name: string): Queue {
    const queue = new Queue(name, { prefix: installation.prefix, connection: { url: inject('redisUrl') } });
    queues.push(queue);
    return queue;
  }

  /** The record of a job by its id in BullMQ, once it has ended. */
  function recorded(bullmqJobId: string | undefined): Promise<JobResource> {
    const find = async () => {
      const { items } = (await program.call<Page<JobResource>>('/v1/jobs?limit=200')).body;
      return items.find((job) => job.metadata.bullmqJobId === bullmqJobId && job.finishedAt !== null);
    };
    return waitFor(find, { describe: `BullMQ's job ${bullmqJobId} is recorded and has ended`, timeoutMs: 30_000 });
  }

  it('is recorded, validated and run, as the guide shows', async () => {
    const guide = readFileSync(join(ROOT, 'docs/guides/redis-cli.md'), 'utf8');
    const code = (/^```js\n(.*?)^```$/ms.exec(guide)?.[1] ?? '').replace(`'bull'`, `'${installation.prefix}'`);
    const child = new Child(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: ROOT,
      env: { ...baseEnvironment(), REDIS_URL: inject('redisUrl'), SITE: `${site.url}/guide` },
    });
    expect(await child.ended, child.output).toEqual({ code: 0, signal: null });
    const [request] = await site.waitForRequests('/guide', 1);
    expect(request?.headers['user-agent']).toBeDefined();
    const find = async () => (await program.call<Page<JobResource>>('/v1/jobs?type=http:request')).body.items[0];
    await waitFor(async () => (await find())?.status === 'completed', { describe: 'it has completed' });
    expect(await find()).toMatchObject({
      type: 'http:request',
      queue: 'http',
      tenant: 'default',
      input: { url: `${site.url}/guide` },
      output: { status: 204 },
      attempt: 1,
    });
  });

  it('keeps its attempts and its failures like any other', async () => {
    const added = await open('test').add('test:flaky', { times: 1 }, { attempts: 2, jobId: 'my-own-id' });
    const job = await recorded(added.id);
    expect(job).toMatchObject({ status: 'completed', attempt: 2, maxAttempts: 2, output: 'worked at attempt 2' });
    const { items } = (await program.call<Page<AttemptResource>>(`/v1/jobs/${job.id}/attempts`)).body;
    expect(items.map(({ outcome }) => outcome)).toEqual(['retrying', 'completed']);
    await waitFor(async () => (await open('test').getJobState('my-own-id')) === 'completed', {
      describe: 'BullMQ has it as completed too',
    });
  });

  it('fails as unknown_type when no job has its name', async () => {
    const added = await open('test').add('mail:send', { to: 'ada@example.com' }, { attempts: 5 });
    expect(await recorded(added.id)).toMatchObject({
      type: 'mail:send',
      status: 'failed',
      reason: 'unknown_type',
      input: { to: 'ada@example.com' },
      error: { message: expect.stringContaining('mail:send') },
    });
    await waitFor(async () => (await open('test').getJobState(added.id as string)) === 'failed', {
      describe: 'BullMQ has it as failed too',
    });
  });

  it('fails as invalid_input when its data does not fit, with the path of every fault', async () => {
    const added = await open('test').add('test:typed', { name: '', count: 'many' });
    const job = await recorded(added.id);
    expect(job).toMatchObject({ status: 'failed', reason: 'invalid_input', attempt: 1 });
    expect(job.error?.message).toMatch(/input\.name: .*input\.count: /);
  });

  it.each([
    ['NUL bytes', { text: 'a\0b' }],
    ['half of a surrogate pair', { text: '\ud800' }],
    ['more than fits', 'x'.repeat(2_000_000)],
  ])('fails as invalid_input when its data holds %s', async (_what, data) => {
    const added = await open('test').add('test:echo', data);
    expect(await recorded(added.id)).toMatchObject({ status: 'failed', reason: 'invalid_input' });
  });
});
