import { type Client, collectPages } from '../../client.ts';
import type { JobStatus } from '../../contract/job-status.ts';
import type { Snapshot, TopState } from './state.ts';

/** As many jobs of a kind as a person scrolls through. */
const JOBS = 100;
const WAITING: JobStatus[] = ['queued', 'retrying', 'scheduled', 'waiting'];

/** Asks for what the screen shows now; lists that are not shown stay as they were. */
export async function readSnapshot(
  client: Client,
  { lower, queue, snapshot }: Pick<TopState, 'lower' | 'queue' | 'snapshot'>,
  { nowMs, signal }: { nowMs: number; signal: AbortSignal },
): Promise<Snapshot> {
  const call = { signal, retries: 0 };
  const listJobs = async (status: JobStatus[]) => (await client.jobs.list({ status, queue, limit: JOBS }, call)).items;
  const listWorkers = () => collectPages((cursor) => client.workers.list({ cursor, limit: 200 }, call));
  const [health, stats, queues, running, waiting, failed, workers] = await Promise.all([
    client.health(call),
    client.stats(call),
    collectPages((cursor) => client.queues.list({ cursor, limit: 200 }, call)),
    lower === 'running' ? listJobs(['processing']) : (snapshot?.jobs.running ?? []),
    lower === 'waiting' ? listJobs(WAITING) : (snapshot?.jobs.waiting ?? []),
    lower === 'failed' ? listJobs(['failed']) : (snapshot?.jobs.failed ?? []),
    lower === 'workers' ? listWorkers() : (snapshot?.workers ?? []),
  ]);
  return { health, stats, queues, jobs: { running, waiting, failed }, workers, atMs: nowMs };
}
