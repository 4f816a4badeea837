import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

/** Hosts that are visited side by side. */
const MAX_HOSTS = 16;

/** How one host is visited. */
export interface Visit {
  /** Requests at the same time. */
  lanes: number;
  /** Between the starts of two requests. */
  delayMs: number;
  /** What may not be visited is left out, and takes no time. */
  mayVisit(url: string): boolean;
  leaveOut(url: string): Promise<void>;
  /** Does one. @returns how long the host asks to be left alone, where it does: the URL is then visited once more */
  visit(url: string, isLast: boolean): Promise<number | undefined>;
}

/**
 * Visits URLs host by host, each in its own rhythm, so that a slow host holds up no other.
 * @param begin called once for each host (with its protocol and port)
 * @throws the reason of `signal`, and what `begin` or `visit` throw; nothing is under way any more then
 */
export async function visitHosts(
  urls: readonly string[],
  begin: (origin: string) => Promise<Visit>,
  signal: AbortSignal,
): Promise<void> {
  const hosts = [...Map.groupBy(urls, (url) => new URL(url).origin)];
  await runTogether(Math.min(MAX_HOSTS, hosts.length), signal, async (ended) => {
    for (let host = hosts.shift(); host && !ended.aborted; host = hosts.shift()) {
      await visitHost(host[1], await begin(host[0]), ended);
    }
  });
}

async function visitHost(urls: readonly string[], visit: Visit, signal: AbortSignal): Promise<void> {
  const first = urls.map((url) => ({ url, isLast: false }));
  const again: typeof first = [];
  let next = 0;
  let freeAt = 0;
  const take = () => first[next++] ?? again.shift();
  // Between looking and taking nothing is awaited, or two lanes would take the same turn. While one waits, the time may be put off.
  const takeTurn = async (ended: AbortSignal) => {
    for (let waitMs = freeAt - performance.now(); waitMs > 0; waitMs = freeAt - performance.now()) {
      await sleep(waitMs, undefined, { signal: ended }).catch(() => ended.throwIfAborted()); // it has no other fault
    }
    freeAt = performance.now() + visit.delayMs;
  };
  await runTogether(Math.min(visit.lanes, urls.length), signal, async (ended) => {
    for (let task = take(); task && !ended.aborted; task = take()) {
      if (!visit.mayVisit(task.url)) {
        await visit.leaveOut(task.url);
        await setImmediate(); // thousands in a row must not keep everything else from running
        continue;
      }
      await takeTurn(ended);
      const waitMs = await visit.visit(task.url, task.isLast);
      if (waitMs === undefined) continue;
      freeAt = Math.max(freeAt, performance.now() + waitMs);
      if (!task.isLast) again.push({ url: task.url, isLast: true });
    }
  });
}

/** Runs the same work several times side by side. When one fails the others are told to end, and waited for. */
async function runTogether(
  count: number,
  signal: AbortSignal,
  work: (ended: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  const run = () => work(ended).catch((error: unknown) => failed.abort(error)); // thrown below, once all have ended
  await Promise.all(Array.from({ length: count }, run));
  signal.throwIfAborted();
  failed.signal.throwIfAborted();
}
