import type { Plan, SuiteName } from '../plan.ts';
import type { Figure, Measurement } from './measurement.ts';
import type { Stages } from './stage.ts';

export interface SuiteContext {
  plan: Plan;
  stages: Stages;
  /** No measurement begins after it, by `performance.now()`. */
  endsAtMs: number;
  /** Says what is going on. */
  report(line: string): void;
}

/** One subject's turn; it is measured once per round. */
export interface Case {
  name: string;
  measure(round: number): Promise<Figure[]>;
}

export interface SuiteResult {
  measurements: Measurement[];
  /** What could not be measured, and why. */
  failures: string[];
}

/**
 * Measures the cases in turn, A B A B …: what disturbs the machine for a while disturbs all of them. A case that fails is
 * left out from then on, and named.
 */
export async function interleave(
  suite: SuiteName,
  cases: readonly Case[],
  { plan, endsAtMs, report }: SuiteContext,
): Promise<SuiteResult> {
  const measurements = new Map<string, Measurement>();
  const failures = new Map<string, string>();
  const unmeasured = new Set<string>();
  const deadline = Math.min(endsAtMs, performance.now() + plan.suiteLimitMs);
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const { name, measure } of cases) {
      if (failures.has(name)) continue;
      if (performance.now() > deadline) {
        unmeasured.add(name);
        continue;
      }
      try {
        const figures = await measure(round);
        for (const figure of figures) collect(measurements, suite, figure);
        report(`${suite} ${round}/${plan.rounds}  ${name}: ${figures.map(describe).join(', ')}`);
      } catch (error) {
        failures.set(name, `${suite}: ${name} failed: ${String(error)}`);
        report(failures.get(name) ?? '');
      }
    }
  }
  const late =
    unmeasured.size === 0 ? [] : [`${suite}: the time was over before all runs of ${[...unmeasured].join('; ')}`];
  return { measurements: [...measurements.values()], failures: [...failures.values(), ...late] };
}

function collect(measurements: Map<string, Measurement>, suite: SuiteName, { sample, ...figure }: Figure): void {
  const key = `${figure.work} ${figure.subject}`;
  const known = measurements.get(key);
  if (known) known.samples.push(sample);
  else measurements.set(key, { suite, ...figure, samples: [sample] });
}

function describe({ work, unit, sample: { value } }: Figure): string {
  return `${work} ${value >= 100 ? Math.round(value) : value.toFixed(2)} ${unit}`;
}
