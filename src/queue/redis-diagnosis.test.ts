import { expect, it } from 'vitest';
import { readFacts } from './redis-diagnosis.ts';

it('knows Valkey by its own version, not by that of the Redis that it stands for', () => {
  const facts = readFacts({ redis_version: '7.2.4', valkey_version: '8.0.1' }, undefined, undefined);
  expect(facts).toMatchObject({ product: 'Valkey', version: '8.0.1' });
});

it('takes the policy from INFO where CONFIG is forbidden', () => {
  expect(readFacts({ maxmemory_policy: 'volatile-lru' }, undefined, undefined)).toMatchObject({
    policy: 'volatile-lru',
    hasSnapshots: undefined,
  });
});

it('knows nothing where both are forbidden, and says so', () => {
  expect(readFacts({}, undefined, undefined)).toEqual({
    product: 'Redis',
    version: undefined,
    isReplica: false,
    isLoading: false,
    policy: undefined,
    usedBytes: undefined,
    maxBytes: undefined,
    isAppendOnly: undefined,
    hasSnapshots: undefined,
    failedWrite: undefined,
  });
});

it('minds a write that failed only where Redis keeps its data that way', () => {
  const info = { aof_enabled: '0', aof_last_write_status: 'err', rdb_last_bgsave_status: 'err' };
  expect(readFacts(info, 'noeviction', '').failedWrite).toBeUndefined();
  expect(readFacts(info, 'noeviction', '3600 1').failedWrite).toBe('snapshot');
  expect(readFacts({ ...info, aof_enabled: '1' }, 'noeviction', '').failedWrite).toBe('append-only file');
});
