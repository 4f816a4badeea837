import { describe, expect, it } from 'vitest';
import { costMicrosOf, isAiPrice, readAiPrices } from './ai-prices.ts';

describe('AI_PRICES', () => {
  it('are read by model, the last of one counts', () => {
    expect(readAiPrices(['gpt-4o-mini=0.15/0.60', 'llama3:8b=0/0', 'gpt-4o-mini=1/2'])).toEqual({
      'gpt-4o-mini': { input: 1, output: 2 },
      'llama3:8b': { input: 0, output: 0 },
    });
  });

  it.each(['m=1', 'm=1/', '=1/2', 'm=-1/2', 'm=1/2/3', 'm n=1/2', 'm=1e3/2', 'm=.5/1'])('do not take %s', (entry) => {
    expect(isAiPrice(entry)).toBe(false);
  });
});

describe('costMicrosOf', () => {
  const prices = readAiPrices(['m=0.15/0.60']);

  it('is what a million tokens cost, in millionths and rounded up', () => {
    expect(costMicrosOf(prices, 'm', 1_000_000, 1_000_000)).toBe(750_000);
    expect(costMicrosOf(prices, 'm', 1, 0)).toBe(1);
  });

  it.each(['other', 'constructor', '__proto__'])('is nothing for the unlisted model %s', (model) => {
    expect(costMicrosOf(prices, model, 1000, 1000)).toBe(0);
  });
});
