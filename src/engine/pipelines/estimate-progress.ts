import type { CallProgress } from '../../store/pipeline-progress.ts';

export interface JobProgress {
  /** 0 to 100. */
  percent: number;
  /** Milliseconds; null while it cannot be told. */
  etaMs: number | null;
}

/** Of what is left, a call is taken for this part, where nothing is known of what will follow. */
const SHARE_OF_ONE = 0.3;
const SHARE_OF_MANY = 0.6;

/**
 * How far a pipeline is, from its calls and the durations of those of the last one of its type that completed. Pure. It
 * does not go back while calls are made as they were then. Never 100 %: what will still be called is not known before the
 * pipeline has ended.
 */
export function estimateProgress(calls: readonly CallProgress[], former: ReadonlyMap<string, number>): JobProgress {
  const known = new Set(calls.map(({ key }) => key));
  const missing = [...former].filter(([key]) => !known.has(key)).map(([, tookMs]) => tookMs);
  const percent = former.size === 0 ? guessPercent(calls) : weighPercent(calls, former, sum(missing));
  return { percent: Math.min(99, Math.round(percent * 10) / 10), etaMs: estimateRest(calls, former, sum(missing)) };
}

function guessPercent(calls: readonly CallProgress[]): number {
  const left = calls.map(({ kind, done }) => 1 - done * (kind === 'all' ? SHARE_OF_MANY : SHARE_OF_ONE));
  return 100 * (1 - left.reduce((product, part) => product * part, 1));
}

function weighPercent(calls: readonly CallProgress[], former: ReadonlyMap<string, number>, missingMs: number): number {
  const usual = mean([...former.values()]);
  const weightOf = ({ key }: CallProgress) => Math.max(1, former.get(key) ?? usual);
  const done = sum(calls.map((call) => weightOf(call) * call.done));
  return (100 * done) / Math.max(1, sum(calls.map(weightOf)) + missingMs);
}

// What is open runs side by side; what is still to be called comes afterwards.
function estimateRest(
  calls: readonly CallProgress[],
  former: ReadonlyMap<string, number>,
  missingMs: number,
): number | null {
  const ended = calls.flatMap(({ tookMs, kind }) => (tookMs === null || kind !== 'job' ? [] : [tookMs]));
  const rests = calls.filter(({ tookMs }) => tookMs === null).map((call) => restOf(call, former, ended));
  if ((rests.length === 0 && missingMs === 0) || rests.includes(null)) return null;
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
