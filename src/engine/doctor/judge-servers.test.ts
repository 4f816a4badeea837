import { describe, expect, it } from 'vitest';
import type { RedisFacts } from '../../queue/redis-diagnosis.ts';
import {
  judgeClock,
  judgeMigrations,
  judgeNoRedis,
  judgePostgres,
  judgeRedis,
  judgeRedisMemory,
  judgeRedisPersistence,
} from './judge-servers.ts';

const healthy: RedisFacts = {
  product: 'Redis',
  version: '7.2.4',
  isReplica: false,
  isLoading: false,
  policy: 'noeviction',
  usedBytes: 12_000_000,
  maxBytes: 0,
  isAppendOnly: true,
  hasSnapshots: false,
  failedWrite: undefined,
};
const redis = (changes: Partial<RedisFacts>): RedisFacts => ({ ...healthy, ...changes });

describe('PostgreSQL', () => {
  const server = { version: '14.0', versionNumber: 140_000, isReadOnly: false };

  it('is in order from version 14 on', () => {
    expect(judgePostgres(server, 'db')).toEqual({
      check: 'postgres',
      verdict: 'ok',
      found: 'PostgreSQL 14.0 at db',
      advice: null,
    });
    const old = judgePostgres({ ...server, version: '13.18', versionNumber: 130_018 }, 'db');
    expect(old).toMatchObject({ verdict: 'wrong', found: 'PostgreSQL 13.18 is too old' });
  });

  it('must take writes', () => {
    expect(judgePostgres({ ...server, isReadOnly: true }, 'db')).toMatchObject({
      verdict: 'wrong',
      advice: expect.stringContaining('primary'),
    });
  });
});

describe('migrations', () => {
  it.each([
    [{ known: 2, missing: 0, newer: 0 }, 'ok', 'all 2 are applied'],
    [{ known: 2, missing: 1, newer: 0 }, 'wrong', '1 of 2 are missing'],
    [{ known: 2, missing: 2, newer: 0 }, 'wrong', 'none has been applied'],
    [{ known: 2, missing: 0, newer: 1 }, 'note', 'all are applied, and 1 of a newer version too'],
  ])('%j: %s', (facts, verdict, found) => {
    expect(judgeMigrations(facts)).toMatchObject({ verdict, found });
  });
});

describe('the clock', () => {
  it.each([
    [0, 0.4, 'ok', 'at most 1 ms apart from the database'],
    [-4_000, 10, 'ok', 'at most 4.0 s apart from the database'],
    [5_100, 50, 'wrong', 'this machine is 5.1 s behind the database'],
    [-60_000, 50, 'wrong', 'this machine is 1 min ahead of the database'],
    [5_100, 200, 'note', 'the answer took 400 ms: too long to compare the clocks'],
    [0, 6_000, 'note', 'the answer took 12 s: too long to compare the clocks'],
  ])('%d ms away, known to ±%d ms: %s', (offsetMs, uncertaintyMs, verdict, found) => {
    expect(judgeClock({ offsetMs, uncertaintyMs })).toMatchObject({ verdict, found });
  });
});

describe('Redis', () => {
  it.each([
    [redis({ version: '6.2.0' }), 'ok', 'Redis 6.2.0 at here'],
    [redis({ version: '10.0.1' }), 'ok', 'Redis 10.0.1 at here'],
    [redis({ product: 'Valkey', version: '8.0.1' }), 'ok', 'Valkey 8.0.1 at here'],
    [redis({ version: '6.0.16' }), 'wrong', 'Redis 6.0.16 is too old'],
    [redis({ isReplica: true }), 'wrong', 'Redis 7.2.4 at here is a replica and takes no writes'],
    [redis({ isLoading: true }), 'note', 'Redis 7.2.4 at here still loads its data'],
    [redis({ version: undefined }), 'note', 'it answers at here, but does not tell its version'],
  ])('%#: %s', (facts, verdict, found) => {
    expect(judgeRedis(facts, 'here')).toMatchObject({ check: 'redis', verdict, found });
  });

  it('is missed only where BullMQ holds jobs', () => {
    expect(judgeNoRedis(false)).toMatchObject({ verdict: 'ok', found: 'not used: PostgreSQL delivers the jobs' });
    expect(judgeNoRedis(true)).toMatchObject({ verdict: 'note', advice: expect.stringContaining('REDIS_URL') });
  });
});

describe('the memory of Redis', () => {
  it.each([
    [redis({}), 'ok', 'noeviction; 12.0 MB used, without a limit'],
    [redis({ maxBytes: 100_000_000 }), 'ok', 'noeviction; 12.0 MB used of 100 MB'],
    [redis({ maxBytes: 12_500_000 }), 'note', 'noeviction; 12.0 MB used of 12.5 MB'],
    [redis({ usedBytes: undefined }), 'ok', 'noeviction'],
    [redis({ policy: undefined }), 'note', 'its maxmemory-policy is not told'],
  ])('%#: %s', (facts, verdict, found) => {
    expect(judgeRedisMemory(facts)).toMatchObject({ verdict, found });
  });

  it.each(['allkeys-lru', 'volatile-ttl', 'allkeys-random'])('may not be freed by %s', (policy) => {
    expect(judgeRedisMemory(redis({ policy }))).toMatchObject({
      verdict: 'wrong',
      found: expect.stringContaining(policy),
      advice: expect.stringContaining('CONFIG SET maxmemory-policy noeviction'),
    });
  });
});

describe('the data of Redis', () => {
  it.each([
    [redis({}), 'ok', 'an append-only file'],
    [redis({ isAppendOnly: false, hasSnapshots: true }), 'ok', 'snapshots;'],
    [redis({ isAppendOnly: false }), 'note', 'neither an append-only file nor snapshots'],
    [redis({ isAppendOnly: false, hasSnapshots: undefined }), 'note', 'does not tell'],
    [redis({ isAppendOnly: undefined, hasSnapshots: undefined }), 'note', 'does not tell'],
    [redis({ failedWrite: 'snapshot' }), 'wrong', 'could not write its snapshot'],
  ])('%#: %s', (facts, verdict, found) => {
    expect(judgeRedisPersistence(facts)).toMatchObject({ verdict, found: expect.stringContaining(found) });
  });
});
