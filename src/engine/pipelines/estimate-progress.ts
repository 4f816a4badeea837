import type { CallProgress } from '../../store/pipeline-progress.ts';

export interface JobProgress {
  /** 0 to 100. */
  percent: number;
  /** Milliseconds; null while it cannot be told. */
  etaMs: number | null;
}

/**
 * How far a pipeline is, from its calls and the durations of those of the last one of its type that completed. Pure.
 * Without a former one every call counts the same, and one more is expected. Never 100 %: what a pipeline will still call
 * is not known before it has ended.
 */
export function estimateProgress(calls: readonly CallProgress[], former: ReadonlyMap<string, number>): JobProgress {
  const weightOf =
    former.size === 0 ? () => 1 : (key: string) => Math.max(1, former.get(key) ?? mean([...former.values()]));
  const known = new Set(calls.map(({ key }) => key));
  const missing = [...former.keys()].filter((key) => !known.has(key));
  const expected = former.size === 0 ? 1 : sum(missing.map(weightOf));
  const total = sum(calls.map(({ key }) => weightOf(key))) + expected;
  const done = sum(calls.map(({ key, done }) => weightOf(key) * done));
  const percent = total === 0 ? 0 : Math.min(99, (100 * done) / total);
  return { percent, etaMs: estimateRest(calls, former, sum(missing.map((key) => former.get(key) ?? 0))) };
}

// What is open runs side by side; what is still to be called comes afterwards.
function estimateRest(
  calls: readonly CallProgress[],
  former: ReadonlyMap<string, number>,
  missingMs: number,
): number | null {
  const ended = calls.flatMap(({ tookMs, kind }) => (tookMs === null || kind !== 'job' ? [] : [tookMs]));
  const rests = calls.filter(({ tookMs }) => tookMs === null).map((call) => restOf(call, former, ended));
  if (calls.length === 0 || rests.includes(null)) return null;
  return Math.round(Math.max(0, ...(rests as number[])) + missingMs);
}

function restOf(call: CallProgress, former: ReadonlyMap<string, number>, ended: readonly number[]): number | null {
  if (call.leftMs !== null) return call.leftMs;
  if (call.kind === 'event') return null;
  if (call.done > 0) return (call.ageMs * (1 - call.done)) / call.done;
  const usualMs = former.get(call.key) ?? (ended.length > 0 ? mean(ended) : undefined);
  return usualMs === undefined ? null : Math.max(0, usualMs - call.ageMs);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}
