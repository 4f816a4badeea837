/** Whose jobs a caller may see: one tenant's, or all of them. Every store function that serves the API takes it (I9). */
export type TenantScope = { tenant: string } | 'all';

/** For `($n::text is null or tenant = $n)`. */
export function tenantOf(scope: TenantScope): string | null {
  return scope === 'all' ? null : scope.tenant;
}
