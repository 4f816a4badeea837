import type { SuiteName } from '../plan.ts';
import type { Measurement } from '../suites/measurement.ts';
import { type GoalRule, goalRules, type Reference } from './goal-rules.ts';
import { compare, type Spread, summarize } from './statistics.ts';

/** One row of the table of goals. */
export interface GoalRow {
  work: string;
  goal: string;
  /** Longshore's figure; undefined when it was not measured. */
  figure?: Measurement;
  /** What it is compared with. */
  reference?: Measurement;
  /** Figure by reference, or the figure itself where the goal is a number. */
  ratio?: Spread;
  isMet?: boolean;
}

/** Judges the goals of these suites by what was measured; a row whose figures are missing stays open. */
export function judgeGoals(measurements: readonly Measurement[], suites: readonly SuiteName[]): GoalRow[] {
  const rules = goalRules.filter(({ figure }) => figure.some(({ suite }) => suites.includes(suite)));
  return rules.map((rule) => judge(rule, measurements));
}

function judge({ work, goal, figure: named, against, bound }: GoalRule, all: readonly Measurement[]): GoalRow {
  const figure = findBest(all, named);
  if (!figure) return { work, goal };
  if (against === 'a number') {
    const own = summarize(valuesOf(figure));
    return { work, goal, figure, ratio: own, isMet: isWithin(own.median, bound) };
  }
  const reference = findBest(all, against);
  if (!reference) return { work, goal, figure };
  const ratio = compare(valuesOf(figure), valuesOf(reference));
  return { work, goal, figure, reference, ratio, isMet: isWithin(ratio.median, bound) };
}

export function valuesOf({ samples }: Measurement): number[] {
  return samples.map(({ value }) => value);
}

/** Speeds: the highest. Times and sizes: the lowest. */
function findBest(all: readonly Measurement[], named: readonly Reference[]): Measurement | undefined {
  const isNamed = (one: Measurement) =>
    named.some(({ suite, work, subject }) => one.suite === suite && one.work === work && one.subject === subject);
  const rank = (one: Measurement) => summarize(valuesOf(one)).median * (one.unit === 'jobs/s' ? -1 : 1);
  return all.filter(isNamed).toSorted((a, b) => rank(a) - rank(b))[0];
}

function isWithin(value: number, bound: GoalRule['bound']): boolean {
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
}
