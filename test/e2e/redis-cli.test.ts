import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import { Installation, type Program } from '../support/program.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { waitFor } from '../support/wait-for.ts';

const GUIDE = readFileSync(join(import.meta.dirname, '../../docs/guides/redis-cli.md'), 'utf8');
/** Every line of the guide's shell blocks. */
const commands = [...GUIDE.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, code]) => (code ?? '').trim().split('\n'));

const HOUR_MS = 3_600_000;
/** How far apart two notes of the same moment may be: the record comes first, then BullMQ. */
const NEAR_MS = 60_000;

describe('every command of the redis-cli guide', () => {
  let redis: TestRedis;
  let installation: Installation;
  let program: Program;
  const jobs = {} as Record<'done' | 'failed' | 'retrying' | 'running' | 'first' | 'urgent' | 'minor', JobResource>;

  beforeAll(async () => {
    redis = await startRedis(); // of its own, for the prefix that the guide uses
    installation = await Installation.create({
      transport: 'bullmq',
      settings: { REDIS_URL: redis.url, QUEUE_PREFIX: '', QUEUE_CONCURRENCY_TEST: '1' },
    });
    program = await installation.start();
    jobs.done = await program.enqueue('test:echo', { a: 1 });
    await program.jobEnded(jobs.done.id);
    jobs.failed = await program.enqueue('test:flaky', { times: 9 }, { attempts: 1 });
    await program.jobEnded(jobs.failed.id);
    jobs.retrying = await program.enqueue('test:flaky', { times: 9 }, { backoff: { type: 'fixed', delayMs: HOUR_MS } });
    await program.jobIs(jobs.retrying.id, 'retrying');
    jobs.running = await program.enqueue('test:gate', { path: join(installation.folder, 'never') });
    await program.jobIs(jobs.running.id, 'processing');
    jobs.first = await program.enqueue('test:echo', 'first');
    await program.enqueue('test:echo', 'second');
    jobs.urgent = await program.enqueue('test:echo', 'urgent', { priority: 50 });
    jobs.minor = await program.enqueue('test:echo', 'minor', { priority: -5 });
    await program.enqueue('test:echo', 'later', { delayMs: HOUR_MS });
    await waitFor(isHandedOver, { describe: 'BullMQ holds what was enqueued, the urgent one in front' });
  });
  afterAll(async () => {
    await installation?.remove();
    await redis?.stop();
  });

  async function run(command: string, id = ''): Promise<string> {
    const line = command
      .replace(/^redis-cli/, `redis-cli -u ${redis.url}`)
      .replaceAll('<queue>', 'test')
      .replaceAll('<id>', id);
    expect(line).not.toMatch(/[<>]/);
    const { stdout } = await promisify(execFile)('sh', ['-c', line]);
    return stdout.trimEnd();
  }

  /** Enqueueing does not wait for BullMQ. */
  async function isHandedOver(): Promise<boolean> {
    const waiting = await run('redis-cli LRANGE bull:<queue>:wait 0 -1');
    const prioritized = await run('redis-cli ZCARD bull:<queue>:prioritized');
    return lines(waiting).length === 3 && lines(waiting).at(-1) === jobs.urgent.id && prioritized === '1';
  }

  const lines = (text: string) => text.split('\n');
  const toPairs = (text: string) => {
    const parts = lines(text);
    return Object.fromEntries(parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1]]] : [])));
  };
  const time = (ms: string | null | undefined) => Date.parse(ms ?? '');

  /** By command: which job the placeholder names, and what the answer must mean. */
  const checks: Record<string, (answer: (id?: string) => Promise<string>) => Promise<void>> = {
    "redis-cli --scan --pattern 'bull:*:meta'": async (answer) =>
      expect(lines(await answer())).toEqual(expect.arrayContaining(['bull:test:meta', 'bull:http:meta'])),
    'redis-cli LLEN bull:<queue>:wait': async (answer) => expect(await answer()).toBe('3'),
    'redis-cli LLEN bull:<queue>:active': async (answer) => expect(await answer()).toBe('1'),
    'redis-cli ZCARD bull:<queue>:prioritized': async (answer) => expect(await answer()).toBe('1'),
    'redis-cli ZCARD bull:<queue>:delayed': async (answer) => expect(await answer()).toBe('1'),
    'redis-cli ZCARD bull:<queue>:failed': async (answer) => expect(await answer()).toBe('1'),
    'redis-cli ZCARD bull:<queue>:completed': async (answer) => expect(await answer()).toBe('1'),
    'redis-cli TYPE bull:<queue>:delayed': async (answer) => expect(await answer()).toBe('zset'),
    'redis-cli LRANGE bull:<queue>:wait -10 -1': async (answer) => {
      const waiting = lines(await answer());
      expect(waiting.at(-1)).toBe(jobs.urgent.id);
      expect(waiting.at(-2)).toBe(jobs.first.id);
    },
    'redis-cli ZRANGE bull:<queue>:prioritized 0 9': async (answer) => expect(await answer()).toBe(jobs.minor.id),
    'redis-cli LRANGE bull:<queue>:active 0 -1': async (answer) => expect(await answer()).toBe(jobs.running.id),
    'redis-cli PTTL bull:<queue>:<id>:lock': async (answer) => {
      expect(Number(await answer(jobs.running.id))).toBeGreaterThan(0);
      expect(await answer(jobs.first.id)).toBe('-2');
    },
    'redis-cli ZRANGE bull:<queue>:delayed 0 9 WITHSCORES': async (answer) => {
      const [id, score] = lines(await answer());
      expect(id).toBe(jobs.retrying.id);
      const { runAt } = await program.job(jobs.retrying.id);
      expect(Math.abs(Number(score) / 4096 - time(runAt))).toBeLessThan(NEAR_MS);
    },
    'redis-cli ZREVRANGE bull:<queue>:failed 0 9 WITHSCORES': async (answer) => {
      const [id, score] = lines(await answer());
      expect(id).toBe(jobs.failed.id);
      expect(Math.abs(Number(score) - time((await program.job(jobs.failed.id)).finishedAt))).toBeLessThan(NEAR_MS);
    },
    'redis-cli ZREVRANGE bull:<queue>:completed 0 9 WITHSCORES': async (answer) => {
      const [id, score] = lines(await answer());
      expect(id).toBe(jobs.done.id);
      expect(Math.abs(Number(score) - time((await program.job(jobs.done.id)).finishedAt))).toBeLessThan(NEAR_MS);
    },
    'redis-cli HGETALL bull:<queue>:<id>': async (answer) => {
      const done = toPairs(await answer(jobs.done.id));
      expect(done).toMatchObject({ name: 'test:echo', data: '{"a":1}', returnvalue: '{"a":1}', ats: '1', atm: '1' });
      expect(JSON.parse(done.opts ?? '')).toMatchObject({ jobId: jobs.done.id, attempts: 3, longshore: { p: 0 } });
      expect(Number(done.timestamp)).toBe(time(jobs.done.createdAt));
      expect(Number(done.finishedOn)).toBeGreaterThanOrEqual(Number(done.processedOn));
      const urgent = toPairs(await answer(jobs.urgent.id));
      expect(JSON.parse(urgent.opts ?? '')).toMatchObject({ longshore: { p: 50 } });
    },
    'redis-cli HMGET bull:<queue>:<id> name data': async (answer) =>
      expect(lines(await answer(jobs.failed.id))).toEqual(['test:flaky', '{"times":9}']),
    'redis-cli HGET bull:<queue>:<id> failedReason': async (answer) => {
      expect(await answer(jobs.failed.id)).toBe('no luck at attempt 1');
      expect(await answer(jobs.retrying.id)).toBe('no luck at attempt 1');
    },
    'redis-cli ZSCORE bull:<queue>:failed <id>': async (answer) => {
      expect(Number(await answer(jobs.failed.id))).toBeGreaterThan(0);
      expect(await answer(jobs.done.id)).toBe('');
    },
    'redis-cli HGET bull:<queue>:meta paused': async (answer) => {
      const becomes = (value: string) => waitFor(async () => (await answer()) === value, { describe: `"${value}"` });
      expect(await answer()).toBe('');
      await program.call('/v1/queues/test/pause', { method: 'POST' });
      await becomes('1');
      await program.call('/v1/queues/test/resume', { method: 'POST' });
      await becomes('');
    },
    'redis-cli XREVRANGE bull:<queue>:events + - COUNT 5': async (answer) =>
      expect(await answer()).toMatch(/^\d+-\d+\nevent\n/),
  };

  it('has a check here, and no check is without a command', () => {
    expect(Object.keys(checks).sort()).toEqual([...commands].sort());
  });

  it.each(commands)('%s', async (command) => {
    await checks[command]?.((id) => run(command, id));
  });

  it('finds the type of key that the guide names', async () => {
    for (const [, key, type] of GUIDE.matchAll(/^\| `(\w+)` \| (list|sorted set) \|/gm)) {
      expect(await run(`redis-cli TYPE bull:<queue>:${key}`)).toBe(type === 'list' ? 'list' : 'zset');
    }
    expect(await run('redis-cli LLEN bull:<queue>:failed')).toContain('WRONGTYPE');
    expect(await run('redis-cli ZCARD bull:<queue>:wait')).toContain('WRONGTYPE');
  });

  it('finds no delayed job that PostgreSQL still keeps', async () => {
    const keys = lines(await run("redis-cli --scan --pattern 'bull:test:*-*'"));
    const [later] = (await program.call<{ items: JobResource[] }>('/v1/jobs?status=scheduled')).body.items;
    expect(keys.length).toBeGreaterThan(0);
    expect(keys).not.toContain(`bull:test:${later?.id}`);
  });
});
