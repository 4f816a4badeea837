import { describe, expect, it } from 'vitest';
import { createId } from '../../src/shared/ids.ts';
import type { Claim, IdempotencyStore, IdempotentCall } from '../../src/store/idempotency.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';

const call: IdempotentCall = { tenant: 'default', route: 'POST /v1/jobs', key: 'a', requestHash: 'one' };
const other: IdempotentCall = { ...call, requestHash: 'other' };
const answer = { statusCode: 202, headers: { Location: '/here' }, body: '{"id": 1}' };

async function claimNew(store: IdempotencyStore, wanted = call, seed = createId()): Promise<Claim> {
  const claim = await store.claim(wanted, seed, 60_000);
  if (claim.kind !== 'new') throw new Error(`the key is ${claim.kind}`);
  return claim;
}

/** As if the time that a claim lasts had passed. */
const endLocks = (harness: Harness) => harness.sql('update longshore.idempotency_keys set locked_until = now()');

describe('the record of idempotency keys', () => {
  const start = useHarnesses('postgres');

  it('gives one of 100 identical claims at once the right to make the call', async () => {
    const { store } = (await start([])).engine;
    const claims = Array.from({ length: 100 }, () => store.idempotency.claim(call, createId(), 60_000));
    const kinds = (await Promise.all(claims)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'new')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'in_flight')).toHaveLength(99);
  });

  it('gives one of 100 the right to make a call again whose first maker is gone, with its seed', async () => {
    const harness = await start([]);
    const store = harness.engine.store.idempotency;
    const first = await claimNew(store);
    expect(first.isRepeated).toBe(false);
    await endLocks(harness);
    const claims = await Promise.all(Array.from({ length: 100 }, () => store.claim(call, createId(), 60_000)));
    const again = claims.filter((claim) => claim.kind === 'new');
    expect(again).toEqual([{ kind: 'new', seed: first.seed, isRepeated: true, lock: expect.any(String) }]);
    expect(again[0]?.lock).not.toBe(first.lock);
  });

  it('refuses another body whether the call is under way, lost or answered', async () => {
    const harness = await start([]);
    const store = harness.engine.store.idempotency;
    const claim = await claimNew(store);
    expect(await store.claim(other, createId(), 60_000)).toEqual({ kind: 'other_body' });
    await endLocks(harness);
    expect(await store.claim(other, createId(), 60_000)).toEqual({ kind: 'other_body' });
    await store.complete(call, claim, answer);
    expect(await store.claim(other, createId(), 60_000)).toEqual({ kind: 'other_body' });
    expect(await store.claim(call, createId(), 60_000)).toEqual({ kind: 'replay', ...answer });
  });

  it('knows a key of another tenant or endpoint for another', async () => {
    const { store } = (await start([])).engine;
    await claimNew(store.idempotency);
    await claimNew(store.idempotency, { ...call, tenant: 'acme' });
    await claimNew(store.idempotency, { ...call, tenant: '*' });
    await claimNew(store.idempotency, { ...call, route: 'POST /v1/jobs/bulk' });
  });

  it('lets a maker that was taken for lost neither end the claim of the next nor replace its answer', async () => {
    const harness = await start([]);
    const store = harness.engine.store.idempotency;
    const lost = await claimNew(store);
    await endLocks(harness);
    const next = await claimNew(store);
    await store.release(call, lost);
    await store.unlock(call, lost);
    expect(await store.claim(call, createId(), 60_000)).toEqual({ kind: 'in_flight' });
    await store.complete(call, next, answer);
    await store.complete(call, lost, { ...answer, statusCode: 200 });
    await store.release(call, next);
    expect(await store.claim(call, createId(), 60_000)).toEqual({ kind: 'replay', ...answer });
  });

  it('forgets a call that is released, and only unlocks one whose outcome is unknown', async () => {
    const { store } = (await start([])).engine;
    const { idempotency } = store;
    await idempotency.release(call, await claimNew(idempotency));
    const unknown = await claimNew(idempotency, other);
    await idempotency.unlock(other, unknown);
    expect(await idempotency.claim(call, createId(), 60_000)).toEqual({ kind: 'other_body' });
    expect(await claimNew(idempotency, other)).toMatchObject({ seed: unknown.seed, isRepeated: true });
  });

  it('treats an outdated key as new, and removes such keys in batches', async () => {
    const harness = await start([], { isFollower: true }); // a leader removes such keys too
    const store = harness.engine.store.idempotency;
    const age = () => harness.sql(`update longshore.idempotency_keys set expires_at = now() - interval '1 second'`);
    const first = await claimNew(store);
    await store.complete(call, first, answer);
    await age();
    const next = await claimNew(store, other);
    expect(next.isRepeated).toBe(false);
    expect(next.seed).not.toBe(first.seed);
    await store.complete(call, first, answer); // too late: that was another call
    expect(await store.claim(other, createId(), 60_000)).toEqual({ kind: 'in_flight' });

    for (const key of ['b', 'c'])
      await store.complete({ ...call, key }, await claimNew(store, { ...call, key }), answer);
    await age();
    await claimNew(store, { ...call, key: 'young' });
    expect(await store.removeExpired(1)).toBe(1);
    expect(await store.removeExpired(10)).toBe(1);
    const left = await harness.sql<{ key: string }>('select key from longshore.idempotency_keys order by key');
    expect(left.map(({ key }) => key)).toEqual(['a', 'young']); // the first is still under way
  });
});
