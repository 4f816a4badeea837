/**
 * Fan-out and fan-in: reads 1,000 pages at most 50 at a time, then makes one result of all of them.
 *
 * Each page is a job of its own: it is tried again by itself, and a retry of the survey reads only pages that are missing.
 */
import { defineJob, definePipeline, defineQueue, z } from 'longshore';

const MAX_PAGES = 10_000; // what one call of step.map takes

/** Pages wait for somebody else's server most of the time, so that one process can read many at once. */
const pages = defineQueue({ name: 'pages', concurrency: 20 });

export const readPage = defineJob({
  type: 'survey:page',
  description: 'Finds the prices on one page of a shop',
  input: z.object({ page: z.int().min(1) }),
  output: z.object({ cents: z.array(z.int()) }),
  queue: pages,
  timeoutMs: 20_000,
  run({ page }) {
    const html = renderPage(page); // yours: await (await ctx.services.fetch(url, { signal: ctx.signal })).text()
    return { cents: [...html.matchAll(/€ (\d+)\.(\d\d)/g)].map(([, euros, cents]) => Number(`${euros}${cents}`)) };
  },
});

const statistics = z.object({ prices: z.int(), minCents: z.int(), medianCents: z.int(), maxCents: z.int() });

export const summarize = defineJob({
  type: 'survey:summary',
  description: 'Makes one summary of the prices of all pages',
  input: z.object({ pages: z.array(z.array(z.int())).min(1) }),
  output: statistics,
  run(input) {
    const sorted = input.pages.flat().sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)] ?? 0;
    return { prices: sorted.length, minCents: at(0), medianCents: at(0.5), maxCents: at(1) };
  },
});

export const surveyPrices = definePipeline({
  type: 'survey:prices',
  description: 'Reads the prices on many pages and summarizes them',
  input: z.object({ pages: z.int().min(1).max(MAX_PAGES).default(1000) }),
  output: statistics,
  async run(input, { step }) {
    const numbers = Array.from({ length: input.pages }, (_, index) => index + 1);
    const found = await step.map(readPage, numbers, (page) => ({ page }), { concurrency: 50, attempts: 5 });
    return step(summarize, { pages: found.map(({ cents }) => cents) });
  },
});

/** Stands for a shop: the same page always shows the same prices. */
function renderPage(page: number): string {
  const products = Array.from({ length: 3 }, (_, place) => {
    const cents = 100 + ((page * 7919 + place * 104_729) % 99_900);
    return `<li>Product ${page}-${place + 1} <b>€ ${(cents / 100).toFixed(2)}</b></li>`;
  });
  return `<ul>${products.join('')}</ul>`;
}
