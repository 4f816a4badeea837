import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairTurns } from './fair-turns.ts';

/** Serves one job after the other: who comes first by the rule of the statement, `ahead + 1 / weight`. */
function serve(turns: FairTurns, waiting: Map<string, number>, weights: Record<string, number>): string | undefined {
  const tenants = [...waiting.keys()].sort().filter((tenant) => (waiting.get(tenant) ?? 0) > 0);
  const finish = (tenant: string) => turns.aheadOf(tenant) + 1 / (weights[tenant] ?? 1);
  const [next] = tenants.toSorted((one, other) => finish(one) - finish(other));
  turns.note(
    tenants.map((tenant) => ({
      tenant,
      weight: weights[tenant] ?? 1,
      taken: tenant === next ? 1 : 0,
      hasMore: tenant !== next || (waiting.get(tenant) ?? 0) > 1,
      isLimited: false,
    })),
    { isAll: true },
  );
  if (next !== undefined) waiting.set(next, (waiting.get(next) ?? 0) - 1);
  return next;
}

describe('whose turn it is', () => {
  it('follows the weights of tenants that always have jobs, and never drifts from them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 6 }), (sizes) => {
        const weights = Object.fromEntries(sizes.map((weight, index) => [`t${index}`, weight]));
        const total = sizes.reduce((sum, weight) => sum + weight, 0);
        const turns = new FairTurns();
        const waiting = new Map(Object.keys(weights).map((tenant) => [tenant, Infinity]));
        const served = new Map<string, number>();
        for (let count = 1; count <= 500; count += 1) {
          const tenant = serve(turns, waiting, weights) ?? '';
          served.set(tenant, (served.get(tenant) ?? 0) + 1);
          for (const [name, weight] of Object.entries(weights)) {
            const fair = (count * weight) / total;
            expect(Math.abs((served.get(name) ?? 0) - fair)).toBeLessThanOrEqual(sizes.length);
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it('lets nobody save up: one that had nothing to do comes in beside the others', () => {
    const turns = new FairTurns();
    const waiting = new Map([['busy', Infinity]]);
    for (let count = 0; count < 1000; count += 1) serve(turns, waiting, {});
    waiting.set('late', Infinity);
    const order = Array.from({ length: 10 }, () => serve(turns, waiting, {}));
    expect(order.filter((tenant) => tenant === 'late')).toHaveLength(5);
  });

  it('lets nobody get ahead by coming and going', () => {
    const turns = new FairTurns();
    const waiting = new Map([['steady', Infinity]]);
    const order = Array.from({ length: 100 }, () => {
      waiting.set('brief', 1); // always one job, which is its last
      return serve(turns, waiting, {});
    });
    expect(order.filter((tenant) => tenant === 'brief').length).toBeLessThanOrEqual(51);
  });

  it('remembers only those who are ahead of the others', () => {
    const turns = new FairTurns();
    for (let count = 0; count < 1000; count += 1) serve(turns, new Map([[`tenant ${count}`, 1]]), {});
    expect(turns.list().tenants.length).toBeLessThanOrEqual(1);
  });

  it('knows a tenant that was alone, unless it has a limit', () => {
    const turns = new FairTurns();
    const turn = { tenant: 'a', weight: 1, taken: 1, hasMore: true, isLimited: false };
    turns.note([turn], { isAll: true });
    expect(turns.sole).toBe('a');
    turns.note([turn, { ...turn, tenant: 'b' }], { isAll: true });
    expect(turns.sole).toBeUndefined();
    turns.note([{ ...turn, isLimited: true }], { isAll: true });
    expect(turns.sole).toBeUndefined();
  });
});
