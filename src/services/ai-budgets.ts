import type { AiBudgets, AiCall, AiGrant, AiRefusal } from '../define/ai-budgets.ts';
import { type AiPrices, costMicrosOf } from '../shared/ai-prices.ts';
import type { AiDay, AiEstimate } from '../store/ai-usage.ts';
import type { Store } from '../store/store.ts';

/** Plain data. 0 sets no limit. */
export interface AiLimits {
  tokensPerDay: number;
  costMicrosPerDay: number;
  prices: AiPrices;
}

export function createAiBudgets(limits: AiLimits, getStore: () => Promise<Store>): AiBudgets {
  const estimateOf = ({ tenant, model, inputTokens, outputTokens }: AiCall): AiEstimate => {
    const costMicros = costMicrosOf(limits.prices, model, inputTokens, outputTokens);
    return { tenant, model, inputTokens, outputTokens, costMicros };
  };
  return {
    async reserve(call) {
      const estimate = estimateOf(call);
      const { aiUsage } = await getStore();
      const today = await aiUsage.reserve(estimate, limits);
      return today.isGranted ? createGrant(aiUsage, estimate, today.day, estimateOf) : refuse(estimate, today, limits);
    },
  };
}

function createGrant(
  store: Store['aiUsage'],
  estimate: AiEstimate,
  day: string,
  estimateOf: (call: AiCall) => AiEstimate,
): AiGrant {
  return {
    kind: 'granted',
    async settle(used) {
      const actual = estimateOf({ ...estimate, ...used });
      await store.settle(day, estimate, actual);
      return actual.costMicros;
    },
    release: () => store.release(day, estimate),
  };
}

function refuse(estimate: AiEstimate, today: AiDay, { tokensPerDay, costMicrosPerDay }: AiLimits): AiRefusal {
  const tokens = estimate.inputTokens + estimate.outputTokens;
  const isOverTokens = tokensPerDay > 0 && today.tokens + tokens > tokensPerDay;
  const why = isOverTokens
    ? `${today.tokens} of ${tokensPerDay} tokens (AI_TOKENS_PER_DAY) are used today, and the call may take ${tokens}`
    : `${inUnits(today.costMicros)} of ${inUnits(costMicrosPerDay)} (AI_COST_PER_DAY) are used today, and the call may cost ${inUnits(estimate.costMicros)}`;
  const fitsNever =
    (tokensPerDay > 0 && tokens > tokensPerDay) || (costMicrosPerDay > 0 && estimate.costMicros > costMicrosPerDay);
  return { kind: 'refused', why, waitMs: fitsNever ? undefined : today.endsInMs };
}

function inUnits(micros: number): string {
  return (micros / 1_000_000).toString();
}
