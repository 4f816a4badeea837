import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Isolation } from '../../src/define/isolation.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';
import type { Behaviour } from '../support/isolated/behave.ts';
import { childJob } from '../support/isolated/child-job.ts';
import { waitFor } from '../support/wait-for.ts';

const fast = { type: 'fixed', delayMs: 20 } as const;

function defineBehave(isolation: Isolation, type = `apart:${isolation}`) {
  return defineJob({
    type,
    queue: 'apart',
    attempts: 1,
    backoff: fast,
    input: z.custom<Behaviour>(),
    isolation,
    handlerFile: new URL('../support/isolated/behave.ts', import.meta.url),
  });
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-isolation-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const pathOf = (name: string) => join(folder, name);

describe.each<TransportName>(['postgres', 'bullmq'])('isolated jobs on the %s transport', (transport) => {
  const start = useHarnesses(transport);

  it.runIf(process.platform === 'linux').each<Isolation>(['thread', 'process'])(
    'let their worker have the processor first: %s',
    async (isolation) => {
      const ownPriority = getPriority();
      const job = defineBehave(isolation);
      const harness = await start([job]);
      await harness.startWorker();
      const { id } = await harness.enqueue(job, { how: 'priority' });
      expect((await harness.ended(id)).output).toBe(Math.max(ownPriority, constants.priority.PRIORITY_BELOW_NORMAL));
      expect(getPriority()).toBe(ownPriority);
    },
  );

  it.each<Isolation>(['thread', 'process'])('have all of their context: %s', async (isolation) => {
    const everything = defineJob({
      type: 'apart:everything',
      queue: 'apart',
      backoff: fast,
      input: z.object({ text: z.string(), at: z.coerce.date() }),
      isolation,
      handlerFile: new URL('../support/isolated/everything.ts', import.meta.url),
    });
    const harness = await start([everything, childJob]);
    await harness.startWorker();
    const input = { text: 'Grüße', at: '2026-01-01T00:00:00Z' };
    const { id } = await harness.enqueue(everything, input as never, { tags: ['a'], metadata: { b: 1 } });
    const job = await harness.ended(id);
    expect(job).toMatchObject({
      status: 'completed',
      progressMessage: 'on the way',
      output: {
        isDate: true,
        attempt: 2,
        job: { id, type: 'apart:everything', tags: ['a'], metadata: { b: 1 }, createdAt: true, maxAttempts: 3 },
        lastCheckpoint: { text: 'Grüße' },
        isAborted: false,
        read: 'Grüße',
        storageDir: harness.program.services.storageDir,
        services: expect.arrayContaining(['fetch', 'media']),
        refusal: expect.stringMatching(/^TypeError: the checkpoint is 2000002 bytes/),
        wrong: 'INVALID_FIELDS',
        failed: expect.stringContaining('below zero'),
        doubled: 4,
      },
    });
    const { pid, child } = job.output as { pid: number; child: string };
    expect(pid === process.pid).toBe(isolation === 'thread');
    expect(await harness.job(child)).toMatchObject({ parentId: id, tags: ['born-apart'] });
    const [first] = await harness.attempts(id);
    expect(first).toMatchObject({
      outcome: 'retrying',
      error: { name: 'RangeError', message: 'not yet', code: 'E_FIRST', cause: { message: 'the first time' } },
    });
    expect(first?.error?.stack).toMatch(/everything\.ts:\d+/);
    expect(first?.error?.stack).not.toMatch(/guest-run/);
    const [line] = await harness.engine.store.journal.logs(id, { fence: 0, seq: 0 }, 10);
    expect(line).toMatchObject({
      level: 'warn',
      message: 'look',
      fields: { n: 1, error: { name: 'TypeError', message: 'odd', cause: { message: 'a cause' } } },
    });
    expect(await harness.logged(id, 'look')).toMatchObject({ error: { name: 'TypeError', message: 'odd' } });
  });

  it.each<Isolation>(['thread', 'process'])(
    'end as others do, whatever they throw or return: %s',
    async (isolation) => {
      const job = defineBehave(isolation);
      const harness = await start([job]);
      await harness.startWorker();
      const end = async (how: string, attempts = 1) => {
        const { id } = await harness.enqueue(job, { how }, { attempts });
        return harness.ended(id);
      };
      expect(await end('non-retryable', 3)).toMatchObject({
        status: 'failed',
        reason: 'non_retryable',
        attempt: 1,
        error: { name: 'NonRetryableError', message: 'never again' },
      });
      const later = await end('retry later', 2);
      expect(later).toMatchObject({ reason: 'attempts_exhausted', attempt: 2, error: { name: 'RetryLaterError' } });
      expect(await harness.logged(later.id, 'trying again in 30 ms')).toBeDefined();
      expect(await end('snooze')).toMatchObject({ status: 'completed', output: 'slept', attempt: 1 });
      expect(await end('throw text')).toMatchObject({ error: { name: 'NonError', message: 'only text' } });
      expect(await end('return a function')).toMatchObject({
        reason: 'non_retryable',
        error: { message: expect.stringMatching(/^the output cannot be sent to the worker: .*could not be cloned/) },
      });
      expect(await end('return much')).toMatchObject({
        reason: 'non_retryable',
        error: { message: expect.stringMatching(/^the output is 50000011 bytes of JSON; at most 1048576 are allowed/) },
      });
    },
  );

  it.each<Isolation>(['thread', 'process'])('reach the record, and keep no connection: %s', async (isolation) => {
    const job = defineBehave(isolation);
    const harness = await start([job], { settings: { THREADS_MIN: '0', THREADS_IDLE_MS: '2000' } });
    await harness.startWorker();
    const text = `select 1 from pg_stat_activity
      where datname = current_database() and application_name = 'longshore handler'`;
    const { id } = await harness.enqueue(job, { how: 'notify' });
    const { output } = await harness.ended(id);
    expect(await harness.sql('select job_id, title from longshore.notifications where id = $1', [output])).toEqual([
      { job_id: id, title: 'Hello' },
    ]);
    const isClosed = async () => (await harness.sql(text)).length === 0;
    await waitFor(isClosed, { describe: 'it has closed its connections' });
  });

  it('with an input that cannot be sent fail at once', async () => {
    const { handlerFile } = defineBehave('thread');
    const job = defineJob({
      type: 'apart:function',
      input: z.null().transform(() => () => 1),
      isolation: 'thread',
      handlerFile: new URL(handlerFile ?? ''),
    });
    const harness = await start([job]);
    await harness.startWorker();
    const { id } = await harness.enqueue(job, null);
    expect(await harness.ended(id)).toMatchObject({
      reason: 'non_retryable',
      attempt: 1,
      error: { message: expect.stringMatching(/^the input cannot be sent to a thread: .*could not be cloned/) },
    });
  });

  it.each<[Isolation, string, RegExp]>([
    ['thread', 'heap', /more memory than a thread may have: 32 MB \(THREAD_MEMORY_MB\)/],
    ['thread', 'large steps', /more memory than a thread may have: 32 MB/],
    ['thread', 'large arrays', /more memory than a thread may have: 32 MB/],
    ['thread', 'exit', /ended its thread with exit code 7/],
    ['thread', 'throw in a callback', /threw where nobody caught it: nobody catches this/],
    ['thread', 'reject', /threw where nobody caught it: nobody handles this/],
    ['process', 'heap', /ended by SIGABRT; so ends also a process that needs more memory than 32 MB/],
    ['process', 'exit', /ended its process with exit code 7/],
    ['process', 'abort', /ended by SIGABRT/],
    ['process', 'segfault', /ended by SIGSEGV/],
    ['process', 'throw in a callback', /threw where nobody caught it: nobody catches this/],
    ['process', 'reject', /threw where nobody caught it: nobody handles this/],
  ])('fail alone when they take their %s down: %s', async (isolation, how, message) => {
    const job = defineBehave(isolation);
    const harness = await start([job], { settings: { THREAD_MEMORY_MB: '32', THREADS_MAX: '2' } });
    const worker = await harness.startWorker();
    const gate = pathOf('gate');
    const other = await harness.enqueue(job, { how: 'wait', gate, note: pathOf('note') });
    await waitFor(() => existsSync(pathOf('note')), { describe: 'the other one runs' });
    const place = isolation === 'process' ? { folder } : {}; // a thread cannot change its own
    const { id } = await harness.enqueue(job, { how, ...place }, { attempts: 2 });
    expect(await harness.ended(id, 40_000)).toMatchObject({
      status: 'failed',
      reason: 'attempts_exhausted',
      attempt: 2,
      error: { name: 'HandlerLostError', message: expect.stringMatching(message) },
    });
    const next = await harness.enqueue(job, { how: 'fine' });
    expect(await harness.ended(next.id)).toMatchObject({ output: 'fine', attempt: 1 });
    writeFileSync(gate, '');
    expect(await harness.ended(other.id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(worker.getHealth().status).toBe('ok');
  });
});
