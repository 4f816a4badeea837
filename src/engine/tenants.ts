import type { Page } from '../contract/list.ts';
import { type TenantChange, type TenantResource, tenantSchema } from '../contract/tenants.ts';
import { AppError, invalidFields } from '../shared/errors.ts';
import { inTransaction } from '../store/store.ts';
import type { TenantRow, TenantUsage } from '../store/tenants.ts';
import { recordAudit } from './audit.ts';
import { type Place, readPage } from './cursors.ts';
import type { Caller, Engine } from './engine.ts';

/** What a tenant without a row has: all that nobody has changed. */
const DEFAULTS = { weight: 1, requestsPerSecond: null, maxRunning: null, maxQueued: null, maxPerDay: null } as const;

const BY_NAME: Place<TenantRow> = { pattern: /^[\w.-]+$/, of: ({ name }) => name };

/** The tenants for which something was set, by name; of a tenant's caller, its own. @throws INVALID_FIELDS for a cursor of another list */
export async function listTenants(
  engine: Engine,
  caller: Caller,
  limit: number,
  cursor: string | undefined,
): Promise<Page<TenantResource>> {
  const page = await readPage({ list: 'tenants', caller, limit, cursor }, BY_NAME, (after, count) =>
    engine.store.tenants.list(caller.scope, count, after),
  );
  const usage = await engine.store.tenants.usage(page.items.map(({ name }) => name));
  return { ...page, items: page.items.map((row) => toResource(row.name, row, usage.get(row.name))) };
}

/** A tenant is whatever name a job or a key bears, so there is one of every name. @throws NOT_FOUND for another's */
export async function getTenant(engine: Engine, { scope }: Caller, name: string): Promise<TenantResource> {
  if (!tenantSchema.safeParse(name).success || (scope !== 'all' && scope.tenant !== name)) throw notFound(name);
  const { tenants } = engine.store;
  const [row, usage] = await Promise.all([tenants.get(scope, name), tenants.usage([name])]);
  return toResource(name, row, usage.get(name));
}

/** Changes limits; they hold at once in all processes. @throws INVALID_FIELDS for a name that is none, STORE_UNAVAILABLE */
export async function changeTenant(
  engine: Engine,
  caller: Caller,
  name: string,
  change: TenantChange,
): Promise<TenantResource> {
  const faults = tenantSchema.safeParse(name).error?.issues ?? [];
  if (faults.length > 0) throw invalidFields(faults.map(({ message }) => ({ path: 'name', message })));
  await inTransaction(engine.store, async (store) => {
    await store.tenants.change(name, change);
    await recordAudit(store, caller, { action: 'tenant.change', target: name, tenant: name, details: { ...change } });
  });
  await announceLimits(engine, name);
  return getTenant(engine, caller, name);
}

/** Takes away everything that was set for a tenant; its jobs and keys stay. @throws NOT_FOUND when nothing was */
export async function removeTenant(engine: Engine, caller: Caller, name: string): Promise<void> {
  if (!tenantSchema.safeParse(name).success) throw notFound(name);
  await inTransaction(engine.store, async (store) => {
    if (!(await store.tenants.remove(name))) throw notFound(name);
    await recordAudit(store, caller, { action: 'tenant.delete', target: name, tenant: name });
  });
  await announceLimits(engine, name);
}

async function announceLimits(engine: Engine, name: string): Promise<void> {
  engine.signals.publish('limits', [name]);
  try {
    await engine.limits.reread(); // who is answered shall find it so
  } catch (error) {
    engine.log.warn('the limits of a tenant were changed and could not be read again yet', { tenant: name, error });
  }
}

function notFound(name: string): AppError {
  return new AppError('NOT_FOUND', `there is no tenant "${name}"`);
}

function toResource(name: string, row: TenantRow | undefined, usage: TenantUsage | undefined): TenantResource {
  const { weight, requestsPerSecond, maxRunning, maxQueued, maxPerDay } = row ?? DEFAULTS;
  return {
    name,
    weight,
    requestsPerSecond,
    maxRunning,
    maxQueued,
    maxPerDay,
    usage: {
      running: usage?.running ?? 0,
      queued: usage?.queued ?? 0,
      today: maxPerDay === null ? null : (usage?.today ?? 0),
    },
    createdAt: row?.createdAt.toISOString() ?? null,
    updatedAt: row?.updatedAt.toISOString() ?? null,
  };
}
