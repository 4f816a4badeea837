import { describe, expect, it } from 'vitest';
import type { AiCall, AiGrant } from '../../src/define/ai-budgets.ts';
import { listAiUsage } from '../../src/engine/ai-usage.ts';
import { removeExpiredJobs } from '../../src/engine/upkeep/retention.ts';
import { type AiLimits, createAiBudgets } from '../../src/services/ai-budgets.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';

const DAY_MS = 86_400_000;

describe('the AI budgets of tenants', () => {
  const start = useHarnesses('postgres'); // no transport has a part in it

  const open = ({ engine }: Harness, limits: Partial<AiLimits>) =>
    createAiBudgets({ tokensPerDay: 0, costMicrosPerDay: 0, prices: {}, ...limits }, async () => engine.store);
  const call = (changes: Partial<AiCall> = {}): AiCall => ({
    tenant: 'shop',
    model: 'm1',
    inputTokens: 10,
    outputTokens: 20,
    ...changes,
  });
  const granted = (answer: Awaited<ReturnType<ReturnType<typeof open>['reserve']>>): AiGrant => {
    if (answer.kind === 'refused') throw new Error(answer.why);
    return answer;
  };
  const usage = async ({ engine }: Harness) => engine.store.aiUsage.list('all', {}, 10, undefined);

  it('count the estimate at once, and what was used in its place', async () => {
    const harness = await start([]);
    const budgets = open(harness, { prices: { m1: { input: 2, output: 10 } } });
    const grant = granted(await budgets.reserve(call()));
    expect(await usage(harness)).toMatchObject([{ tenant: 'shop', calls: 1, outputTokens: 20, costMicros: 220 }]);
    expect(await grant.settle({ inputTokens: 11, outputTokens: 5 })).toBe(72);
    expect(await usage(harness)).toMatchObject([
      { model: 'm1', calls: 1, inputTokens: 11, outputTokens: 5, costMicros: 72 },
    ]);
  });

  it('get back what was not used', async () => {
    const harness = await start([]);
    const budgets = open(harness, { tokensPerDay: 30 });
    await granted(await budgets.reserve(call())).release();
    expect(await usage(harness)).toMatchObject([{ calls: 0, inputTokens: 0, outputTokens: 0, costMicros: 0 }]);
    expect(await budgets.reserve(call())).toMatchObject({ kind: 'granted' });
  });

  it('are never exceeded by calls at the same time', async () => {
    const harness = await start([]);
    const budgets = open(harness, { tokensPerDay: 100 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => budgets.reserve(call())));
    expect(answers.filter(({ kind }) => kind === 'granted')).toHaveLength(3);
    expect(await usage(harness)).toMatchObject([{ calls: 3, inputTokens: 30, outputTokens: 60 }]);
  });

  it('are told apart by tenant, and shared by the models of one', async () => {
    const harness = await start([]);
    const budgets = open(harness, { tokensPerDay: 30 });
    expect(await budgets.reserve(call())).toMatchObject({ kind: 'granted' });
    expect(await budgets.reserve(call({ model: 'm2' }))).toMatchObject({ kind: 'refused' });
    expect(await budgets.reserve(call({ tenant: 'other' }))).toMatchObject({ kind: 'granted' });
  });

  it('say what is used up, and when the next day begins', async () => {
    const harness = await start([]);
    const tokens = open(harness, { tokensPerDay: 40 });
    await tokens.reserve(call());
    const refusal = await tokens.reserve(call());
    expect(refusal).toMatchObject({
      kind: 'refused',
      why: expect.stringMatching(/30 of 40 tokens.*AI_TOKENS_PER_DAY/),
    });
    const waitMs = refusal.kind === 'refused' ? refusal.waitMs : undefined;
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(DAY_MS);
    const cost = open(harness, { costMicrosPerDay: 1_500_000, prices: { m1: { input: 50_000, output: 50_000 } } });
    expect(await cost.reserve(call({ tenant: 'a', inputTokens: 0 }))).toMatchObject({ kind: 'granted' });
    expect(await cost.reserve(call({ tenant: 'a', inputTokens: 0 }))).toMatchObject({
      kind: 'refused',
      why: '1 of 1.5 (AI_COST_PER_DAY) are used today, and the call may cost 1',
    });
  });

  it('say of a call that no day has room for it', async () => {
    const budgets = open(await start([]), { tokensPerDay: 29 });
    expect(await budgets.reserve(call())).toMatchObject({ kind: 'refused', waitMs: undefined });
  });

  it('begin anew with the day, whatever a process left behind when it died', async () => {
    const harness = await start([]);
    const budgets = open(harness, { tokensPerDay: 30 });
    await budgets.reserve(call());
    expect(await budgets.reserve(call())).toMatchObject({ kind: 'refused' });
    await harness.sql(`update longshore.ai_usage set day = day - 1`);
    expect(await budgets.reserve(call())).toMatchObject({ kind: 'granted' });
  });

  it('are forgotten after 800 days', async () => {
    const harness = await start([]);
    await harness.sql(
      `insert into longshore.ai_usage (tenant, day, model)
       select 'shop', (now() at time zone 'utc')::date - age, age::text from unnest('{0,799,802}'::integer[]) as age`,
    );
    await removeExpiredJobs(harness.engine, { completedDays: 0, failedDays: 0 });
    expect((await usage(harness)).map(({ model }) => model)).toEqual(['0', '799']);
  });

  it('are listed by day and model, newest first, page by page, each tenant its own', async () => {
    const harness = await start([]);
    await harness.sql(
      `insert into longshore.ai_usage (tenant, day, model, calls)
       values ('a', '2030-01-01', 'm 1~x', 1), ('a', '2030-01-02', 'm1', 2), ('a', '2030-01-02', 'm2', 3), ('b', '2030-01-03', 'm1', 4)`,
    );
    const list = async (scope: 'all' | { tenant: string }, filter: object, limit = 10, cursor?: string) => {
      const page = await listAiUsage(harness.engine, { scope, actor: 'test' }, filter, limit, cursor);
      return { calls: page.items.map(({ calls }) => calls), nextCursor: page.nextCursor };
    };
    expect((await list('all', {})).calls).toEqual([4, 3, 2, 1]);
    expect((await list({ tenant: 'a' }, {})).calls).toEqual([3, 2, 1]);
    expect((await list({ tenant: 'a' }, { tenant: 'b' })).calls).toEqual([]);
    expect((await list('all', { tenant: 'b' })).calls).toEqual([4]);
    expect((await list('all', { from: '2030-01-02', to: '2030-01-02' })).calls).toEqual([3, 2]);
    const first = await list('all', {}, 3);
    expect(first.calls).toEqual([4, 3, 2]);
    const second = await list('all', {}, 3, first.nextCursor ?? '');
    expect(second).toEqual({ calls: [1], nextCursor: null });
    for (const cursor of ['x', '2030-99-99~a~b', '2030-01-01~%E0~b', '2030-01-01~a~%00']) {
      await expect(list('all', {}, 3, cursor)).rejects.toMatchObject({ code: 'INVALID_FIELDS' });
    }
  });
});
