/**
 * Loaded into a program before everything else: keeps how long its event loop was held up, and how much memory it had at
 * most, in the file that WATCH_LOOP_FILE names.
 */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

export interface LoopReport {
  p99Ms: number;
  maxMs: number;
  peakMb: number;
}

const RESOLUTION_MS = 5;
const MEMORY_EVERY_MS = 100;

const path = process.env.WATCH_LOOP_FILE;
if (isMainThread && path !== undefined) watch(path);

function watch(path: string): void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let peakBytes = 0;
  setInterval(() => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss()); // with the memory of its threads
  }, MEMORY_EVERY_MS).unref();
  // What it counts is the time between two ticks, which are apart by the resolution when nothing holds them up.
  const toMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  process.once('exit', () => {
    const report: LoopReport = {
      p99Ms: toMs(delay.percentile(99)),
      maxMs: toMs(delay.max),
      peakMb: peakBytes / 1_000_000,
    };
    writeFileSync(path, JSON.stringify(report));
  });
}
