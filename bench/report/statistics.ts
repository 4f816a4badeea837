export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @throws an Error for no values */
export function summarize(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) throw new Error('there is nothing to summarize');
  return { median: findPercentile(sorted, 50), min, max };
}

/**
 * How many times `ours` is `theirs`: the ratio of the medians, and the least and the greatest ratio of two runs that were
 * measured one after the other.
 */
export function compare(ours: readonly number[], theirs: readonly number[]): Spread {
  const pairs = ours.slice(0, theirs.length).map((value, round) => value / (theirs[round] ?? value));
  const { min, max } = summarize(pairs);
  return { median: summarize(ours).median / summarize(theirs).median, min, max };
}

/**
 * Between two values it is the part of the way, as PostgreSQL's `percentile_cont`.
 * @param sorted ascending, at least one
 */
export function findPercentile(sorted: readonly number[], percent: number): number {
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? below;
  return below + (above - below) * (place - Math.floor(place));
}
