/** What a million tokens cost, in the operator's currency. */
export interface AiPrice {
  input: number;
  output: number;
}

/** By the name of the model. */
export type AiPrices = Readonly<Record<string, AiPrice>>;

const AI_PRICE = /^(?<model>[^=,\s]{1,200})=(?<input>\d{1,9}(\.\d{1,6})?)\/(?<output>\d{1,9}(\.\d{1,6})?)$/;

/** An entry of AI_PRICES, e.g. `gpt-4o-mini=0.15/0.60`. */
export function isAiPrice(entry: string): boolean {
  return AI_PRICE.test(entry);
}

/** @param entries for which {@link isAiPrice} holds; the last of a model counts */
export function readAiPrices(entries: readonly string[]): AiPrices {
  const read = entries.map((entry) => {
    const { model = '', input, output } = AI_PRICE.exec(entry)?.groups ?? {};
    return [model, { input: Number(input), output: Number(output) }] as const;
  });
  return Object.fromEntries(read);
}

/** @returns millionths of the currency, rounded up; 0 for a model without a price */
export function costMicrosOf(prices: AiPrices, model: string, inputTokens: number, outputTokens: number): number {
  const price = Object.hasOwn(prices, model) ? prices[model] : undefined;
  // A price for a million tokens is at the same time the price of one token in millionths.
  return price === undefined ? 0 : Math.ceil(inputTokens * price.input + outputTokens * price.output);
}
