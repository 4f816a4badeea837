import type { JobStatus } from '../contract/job.ts';
import { jobStatuses } from '../contract/job.ts';
import type { QueueResource, StatsResource, TypeResource } from '../contract/program.ts';
import { toJsonSchema } from '../define/registry.ts';
import { AppError } from '../shared/errors.ts';
import type { QueueOverview } from '../store/overview.ts';
import type { Engine } from './engine.ts';
import { noDrift } from './upkeep/drift.ts';

type Counts = QueueResource['counts'];

/** Every queue that has jobs, a switch, or a definition. */
export async function listQueues(engine: Engine): Promise<QueueResource[]> {
  const stored = new Map((await engine.store.overview.queues()).map((queue) => [queue.name, queue]));
  const names = [...new Set([...engine.registry.queues.keys(), ...stored.keys()])].sort();
  return names.map((name) => toQueueResource(engine, name, stored.get(name)));
}

/** @throws NOT_FOUND */
export async function getQueue(engine: Engine, name: string): Promise<QueueResource> {
  const queue = (await listQueues(engine)).find((each) => each.name === name);
  if (!queue) throw new AppError('NOT_FOUND', `there is no queue "${name}"`);
  return queue;
}

export async function getStats(engine: Engine): Promise<StatsResource> {
  const [totals, drift] = await Promise.all([engine.store.overview.totals(), engine.store.drift.totals()]);
  return { ...totals, counts: fillCounts(totals.counts), drift: { ...noDrift(), ...drift } };
}

/** What can be enqueued, with the JSON Schema of each input. */
export function listTypes(engine: Engine): TypeResource[] {
  return [...engine.registry.definitions.values()]
    .map((definition) => ({
      type: definition.type,
      description: definition.description,
      queue: definition.queue.name,
      inputSchema: toJsonSchema(definition.inputSchema, 'input'),
      outputSchema: definition.outputSchema ? toJsonSchema(definition.outputSchema, 'output') : null,
      defaults: {
        attempts: definition.attempts,
        timeoutMs: definition.timeoutMs,
        backoff: typeof definition.backoff === 'function' ? { type: 'custom' } : definition.backoff,
      },
      isolation: definition.isolation,
      examples: [...definition.examples],
      failures: [...definition.failures],
      repeats: definition.repeats,
    }))
    .sort((a, b) => a.type.localeCompare(b.type));
}

function toQueueResource(engine: Engine, name: string, stored: QueueOverview | undefined): QueueResource {
  return {
    name,
    transport: engine.transports.of(name).name,
    isPaused: stored?.isPaused ?? false,
    counts: fillCounts(stored?.counts ?? {}),
    oldestWaitMs: stored?.oldestWaitMs ?? null,
    throughputPerMinute: stored?.finishedLastMinute ?? 0,
    workers: stored?.workers ?? 0,
  };
}

function fillCounts(counts: Partial<Record<JobStatus, number>>): Counts {
  return Object.fromEntries(jobStatuses.map((status) => [status, counts[status] ?? 0])) as Counts;
}
