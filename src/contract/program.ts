import { z } from 'zod';

export const typeResourceSchema = z
  .object({
    type: z.string(),
    description: z.string(),
    queue: z.string(),
    inputSchema: z.record(z.string(), z.unknown()),
    outputSchema: z.record(z.string(), z.unknown()).nullable(),
    defaults: z.object({ attempts: z.int(), timeoutMs: z.int(), backoff: z.unknown() }),
    isolation: z.enum(['none', 'thread', 'process']),
    examples: z.array(z.object({ title: z.string(), input: z.unknown() })),
    failures: z.array(z.object({ when: z.string(), effect: z.enum(['retry', 'fail']) })),
    repeats: z.string().meta({ description: 'what the outside sees when the same job runs twice' }),
  })
  .meta({ id: 'JobType' });
export type TypeResource = z.infer<typeof typeResourceSchema>;

export const queueResourceSchema = z
  .object({
    name: z.string(),
    transport: z.enum(['bullmq', 'postgres']),
    isPaused: z.boolean(),
    counts: z.object({
      scheduled: z.int(),
      queued: z.int(),
      processing: z.int(),
      waiting: z.int(),
      retrying: z.int(),
      completed: z.int(),
      failed: z.int(),
      cancelled: z.int(),
      expired: z.int(),
    }),
    oldestWaitMs: z.int().nullable(),
    throughputPerMinute: z.number(),
    workers: z.int(),
  })
  .meta({ id: 'Queue' });
export type QueueResource = z.infer<typeof queueResourceSchema>;

export const statsSchema = z
  .object({
    counts: queueResourceSchema.shape.counts,
    completedLastMinute: z.int(),
    failedLastMinute: z.int(),
    workers: z.int(),
    webhooks: z.object({ pending: z.int(), failed: z.int() }),
    drift: z.record(z.string(), z.int()).meta({ description: 'Repairs since the installation began, by kind' }),
  })
  .meta({ id: 'Stats' });
export type StatsResource = z.infer<typeof statsSchema>;

export const healthSchema = z
  .object({
    status: z.enum(['ok', 'degraded', 'stopping']),
    mode: z.enum(['api', 'worker', 'all']),
    uptime: z.number().meta({ description: 'seconds since the start' }),
    version: z.string(),
    connections: z.object({ postgres: z.string(), redis: z.string() }),
    worker: z.unknown().optional(),
  })
  .meta({ id: 'Health' });
export type HealthResource = z.infer<typeof healthSchema>;

/** RFC 9457, with `code` from the catalogue and one entry in `errors` for every fault of a field. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;
