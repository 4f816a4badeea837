import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chooseOwner, requireRead } from '../../src/engine/notifications.ts';
import { removeOldNotifications } from '../../src/engine/upkeep/remove-notifications.ts';
import { defineJob } from '../../src/index.ts';
import { createUserNotifications } from '../../src/services/user-notifications.ts';
import { createId } from '../../src/shared/ids.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const noop = defineJob({ type: 'noop:job', input: z.null(), run: () => null });
const acme = { scope: { tenant: 'acme' }, actor: 'test' };

async function add(harness: Harness, changes: { tenant?: string; jobId?: string; title?: string } = {}) {
  const service = createUserNotifications(async () => harness.engine.store);
  const about = { user: 'ada', title: 'Hello', body: '', link: null, data: { a: 1 } };
  return (await service.add({ tenant: 'acme', jobId: createId(), ...about, ...changes })).id;
}

const age = (harness: Harness, id: string, days: number) =>
  harness.sql(`update longshore.notifications set created_at = now() - $2::float8 * interval '1 day' where id = $1`, [
    id,
    days,
  ]);
const left = async (harness: Harness) =>
  (await harness.sql<{ id: string }>('select id from longshore.notifications order by id')).map(({ id }) => id);

describe('messages to users', () => {
  const start = useHarnesses('postgres');

  it('are written once by each job, also by two runs at once', async () => {
    const harness = await start([noop]);
    const jobId = createId();
    const ids = await Promise.all([add(harness, { jobId }), add(harness, { jobId, title: 'Again' })]);
    expect(new Set(ids).size).toBe(1);
    expect(await left(harness)).toEqual([ids[0]]);
  });

  it('can be seen and changed by their own tenant alone', async () => {
    const harness = await start([noop]);
    const other = await add(harness, { tenant: 'other' });
    const own = await add(harness);
    const { userNotifications } = harness.engine.store;
    const query = { user: 'ada', isUnread: false, limit: 10, beforeId: null };
    expect((await userNotifications.list(chooseOwner(acme, undefined), query)).map(({ id }) => id)).toEqual([own]);
    expect(() => chooseOwner(acme, 'other')).toThrow(expect.objectContaining({ code: 'INVALID_FIELDS' }));
    await expect(requireRead(harness.engine, acme, other)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await userNotifications.markAllRead({ tenant: 'acme' }, 'ada')).toBe(1);
    expect(await harness.sql('select id from longshore.notifications where read_at is null')).toEqual([{ id: other }]);
    expect(await requireRead(harness.engine, { scope: 'all', actor: 'test' }, other)).toMatchObject({ id: other });
  });

  it('are removed after their time, read or not, the oldest first', async () => {
    const harness = await start([noop]);
    const [old, read, young] = [await add(harness), await add(harness), await add(harness)];
    await requireRead(harness.engine, acme, read);
    await age(harness, old, 90.1);
    await age(harness, read, 90.1);
    await age(harness, young, 89.9);
    await removeOldNotifications(harness.engine, 90);
    expect(await left(harness)).toEqual([young]);
  });

  it('are removed by themselves as the settings say, and with 0 never', async () => {
    const harness = await start([noop], { settings: { RETENTION_NOTIFICATION_DAYS: '0', LEADER_LEASE_MS: '600000' } });
    const [old, young] = [await add(harness), await add(harness)];
    await age(harness, old, 4000);
    const takeLease = async () => (await harness.sql('delete from longshore.leases returning name')).length > 0;
    await waitFor(takeLease, { describe: 'the first process leads' }); // the next one will
    expect(await left(harness)).toEqual([old, young]);
    const next = await start([noop], { beside: harness, settings: { RETENTION_NOTIFICATION_DAYS: '1' } });
    await waitFor(async () => (await left(next)).length === 1, { describe: 'the old message is gone' });
    expect(await left(next)).toEqual([young]);
  });
});
