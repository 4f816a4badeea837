import type { JobStatus } from '../contract/job.ts';
import { jobStatuses } from '../contract/job.ts';
import type { QueueResource, StatsResource, TypeResource } from '../contract/program.ts';
import { toJsonSchema } from '../define/registry.ts';
import { AppError } from '../shared/errors.ts';
import type { QueueOverview } from '../store/overview.ts';
import type { Caller, Engine } from './engine.ts';
import { noDrift } from './upkeep/drift.ts';

type Counts = QueueResource['counts'];

/** Every queue that has jobs, a switch, or a definition; for a tenant with the counts of its own jobs. */
export async function listQueues(engine: Engine, { scope }: Caller): Promise<QueueResource[]> {
  const stored = new Map((await engine.store.overview.queues(scope)).map((queue) => [queue.name, queue]));
  const names = [...new Set([...engine.registry.queues.keys(), ...stored.keys()])].sort();
  return names.map((name) => toQueueResource(engine, name, stored.get(name)));
}

/** @throws NOT_FOUND */
export async function getQueue(engine: Engine, caller: Caller, name: string): Promise<QueueResource> {
  const queue = (await listQueues(engine, caller)).find((each) => each.name === name);
  if (!queue) throw new AppError('NOT_FOUND', `there is no queue "${name}"`);
  return queue;
}

/** What was repaired concerns all tenants, so that one alone is not told. */
export async function getStats(engine: Engine, { scope }: Caller): Promise<StatsResource> {
  const { overview, drift } = engine.store;
  const [totals, repairs] = await Promise.all([overview.totals(scope), scope === 'all' ? drift.totals() : undefined]);
  return { ...totals, counts: fillCounts(totals.counts), drift: repairs ? { ...noDrift(), ...repairs } : {} };
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
    .sort((a, b) => (a.type < b.type ? -1 : 1));
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
