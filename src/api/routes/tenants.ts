import { pageQuerySchema, pageSchema } from '../../contract/list.ts';
import { changeTenantSchema, tenantResourceSchema } from '../../contract/tenants.ts';
import type { Engine } from '../../engine/engine.ts';
import { changeTenant, getTenant, listTenants, removeTenant } from '../../engine/tenants.ts';
import { type Route, route } from '../route.ts';

/** What tenants may use, and what they use. */
export function tenantRoutes(engine: Engine): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/tenants',
      scope: 'admin',
      summary: 'List the tenants for which something was set, by name',
      query: pageQuerySchema,
      answers: { 200: pageSchema(tenantResourceSchema) },
      async handle({ caller, query }) {
        return { status: 200, body: await listTenants(engine, caller, query.limit, query.cursor) };
      },
    }),
    route({
      method: 'get',
      path: '/v1/tenants/{name}',
      scope: 'admin',
      summary: 'Read the limits of a tenant and what it uses',
      answers: { 200: tenantResourceSchema },
      async handle({ caller, params }) {
        return { status: 200, body: await getTenant(engine, caller, params.name ?? '') };
      },
    }),
    route({
      method: 'patch',
      path: '/v1/tenants/{name}',
      scope: 'admin',
      isForAll: true,
      summary: 'Change the limits of a tenant, at once and in all processes',
      body: changeTenantSchema,
      answers: { 200: tenantResourceSchema },
      async handle({ caller, params, body }) {
        return { status: 200, body: await changeTenant(engine, caller, params.name ?? '', body) };
      },
    }),
    route({
      method: 'delete',
      path: '/v1/tenants/{name}',
      scope: 'admin',
      isForAll: true,
      summary: 'Take away all that was set for a tenant; its jobs and keys stay',
      answers: { 204: null },
      async handle({ caller, params }) {
        await removeTenant(engine, caller, params.name ?? '');
        return { status: 204 };
      },
    }),
  ];
}
