import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApiKey, revokeApiKey } from '../../src/engine/api-keys.ts';
import { abortBulkAction, createBulkAction } from '../../src/engine/bulk-actions.ts';
import { cancelJob } from '../../src/engine/control.ts';
import type { Caller } from '../../src/engine/engine.ts';
import { sendEvent } from '../../src/engine/pipelines/send-event.ts';
import { retryJob } from '../../src/engine/retry.ts';
import { changeTenant, removeTenant } from '../../src/engine/tenants.ts';
import { deleteUpload, keepUpload } from '../../src/engine/uploads.ts';
import { defineJob, definePipeline } from '../../src/index.ts';
import { toFileKey } from '../../src/shared/file-keys.ts';
import { createId } from '../../src/shared/ids.ts';
import { everyone, type Harness, useHarnesses } from '../support/harness.ts';

const ann: Caller = { scope: 'all', actor: 'lsk_ann' };
const acme: Caller = { scope: { tenant: 'acme' }, actor: 'lsk_acme' };
const echo = defineJob({ type: 'audit:echo', input: z.unknown(), run: (input) => input });
const waits = definePipeline({
  type: 'audit:waits',
  input: z.unknown(),
  run: (_input, { step }) => step.waitForEvent('go'),
});
const later = { delayMs: 3_600_000 };
const filter = { tag: ['nowhere'] };

/** Refuses whatever would be written down. */
const BREAK = `
  create function longshore.refuse() returns trigger language plpgsql as $$ begin raise exception 'no audit'; end $$;
  create trigger refuse before insert on longshore.audit_log execute function longshore.refuse()`;

async function* noBytes(): AsyncGenerator<Uint8Array> {}

/** One of each: what is done, and what the record says of it afterwards. */
const actions: Record<string, (harness: Harness) => Promise<{ act(): Promise<unknown>; trace(): Promise<unknown> }>> = {
  'job.cancel': async (harness) => {
    const { id } = await harness.enqueue(echo, 1, later);
    return { act: () => cancelJob(harness.engine, ann, id), trace: async () => (await harness.job(id)).status };
  },
  'job.retry': async (harness) => {
    const { id } = await harness.enqueue(echo, 1, later);
    await cancelJob(harness.engine, everyone, id);
    return { act: () => retryJob(harness.engine, ann, id), trace: async () => (await harness.job(id)).status };
  },
  'job.send_event': async (harness) => {
    const { id } = await harness.enqueue(waits, 1, later);
    const trace = () => harness.sql('select id from longshore.pipeline_events');
    return { act: () => sendEvent(harness.engine, ann, id, 'go', 1, createId()), trace };
  },
  'bulk_action.create': async ({ engine, sql }) => ({
    act: () => createBulkAction(engine, ann, { action: 'delete', filter, dryRun: false }, createId()),
    trace: () => sql('select id from longshore.bulk_actions'),
  }),
  'file.delete': async ({ engine }) => {
    const upload = { name: 'a.txt', contentType: undefined, tenant: undefined, expiresInMs: undefined };
    const row = await keepUpload(engine, ann, { ...upload, content: noBytes() }, createId());
    const key = toFileKey(row);
    const trace = async () => (await engine.store.files.get('all', row.id, row.name)) !== undefined;
    return { act: () => deleteUpload(engine, ann, key), trace };
  },
  'key.create': async ({ engine }) => ({
    act: () => createApiKey(engine, ann, { name: 'a key', scopes: ['admin'] }, createId()),
    trace: () => engine.store.apiKeys.list('all', 10, null),
  }),
  'key.revoke': async ({ engine }) => {
    const { row } = await createApiKey(engine, everyone, { name: 'a key', scopes: ['admin'] }, createId());
    return { act: () => revokeApiKey(engine, ann, row.id), trace: () => engine.store.apiKeys.get('all', row.id) };
  },
  'tenant.change': async ({ engine }) => ({
    act: () => changeTenant(engine, ann, 'acme', { weight: 2 }),
    trace: () => engine.store.tenants.get('all', 'acme'),
  }),
  'tenant.delete': async ({ engine }) => {
    await changeTenant(engine, everyone, 'acme', { weight: 2 });
    return { act: () => removeTenant(engine, ann, 'acme'), trace: () => engine.store.tenants.get('all', 'acme') };
  },
};

describe('the audit log', () => {
  const start = useHarnesses('postgres');
  const open = async () => {
    const harness = await start([echo, waits], { isFollower: true });
    return Object.assign(harness, { sql: harness.sql.bind(harness) });
  };
  const list = ({ engine }: Harness, by: Caller = everyone, query: object = {}) =>
    engine.store.audit.list(by.scope, query, 100, null);

  it.each(Object.keys(actions))('says who did it: %s', async (action) => {
    const harness = await open();
    const { act } = (await actions[action]?.(harness)) ?? {};
    await act?.();
    const entries = await list(harness, everyone, { actor: ann.actor });
    expect(entries).toMatchObject([{ actor: ann.actor, action, at: expect.any(Date) }]);
  });

  it.each(Object.keys(actions))('lets nothing happen that it cannot keep: %s', async (action) => {
    const harness = await open();
    const { act, trace } = (await actions[action]?.(harness)) ?? {};
    const before = await trace?.();
    await harness.sql(BREAK);
    await expect(act?.()).rejects.toThrow('no audit');
    expect(await trace?.()).toEqual(before);
  });

  it('says nothing of what was refused, or done before', async () => {
    const harness = await open();
    const { id } = await harness.enqueue(echo, 1, later);
    await cancelJob(harness.engine, ann, id);
    await expect(cancelJob(harness.engine, ann, id)).rejects.toMatchObject({ code: 'JOB_TERMINAL' });
    const { row } = await createApiKey(harness.engine, ann, { name: 'a key', scopes: ['admin'] }, createId());
    await revokeApiKey(harness.engine, ann, row.id);
    await revokeApiKey(harness.engine, ann, row.id);
    await expect(removeTenant(harness.engine, ann, 'acme')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const told = (await list(harness)).map(({ action }) => action);
    expect(told).toEqual(['key.revoke', 'key.create', 'job.cancel']);
  });

  it('is read by a tenant as far as its own data are concerned, and by filters', async () => {
    const harness = await open();
    const { id } = await harness.enqueue(echo, 1, { ...later, tenant: 'acme' });
    const other = await harness.enqueue(echo, 1, { ...later, tenant: 'other' });
    await cancelJob(harness.engine, ann, id);
    await cancelJob(harness.engine, ann, other.id);
    const order = { action: 'retry', filter, dryRun: false } as const;
    const action = await createBulkAction(harness.engine, acme, order, createId());
    await abortBulkAction(harness.engine, acme, action.id);
    const targets = (entries: { target: string | null }[]) => entries.map(({ target }) => target);
    expect(targets(await list(harness, acme))).toEqual([action.id, action.id, id]);
    expect(targets(await list(harness, everyone, { actor: ann.actor }))).toEqual([other.id, id]);
    expect(targets(await list(harness, everyone, { action: 'job.cancel' }))).toEqual([other.id, id]);
    const [created] = await list(harness, acme, { action: 'bulk_action.create' });
    expect(created).toMatchObject({
      actor: acme.actor,
      tenant: 'acme',
      details: { action: 'retry', filter, matched: 0 },
    });
    expect(await list(harness, everyone, { since: '2100-01-01T00:00:00Z' })).toEqual([]);
    expect(await list(harness, everyone, { since: '2020-01-01T00:00:00Z' })).toHaveLength(4);
  });
});
