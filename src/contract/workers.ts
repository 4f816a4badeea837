import { z } from 'zod';

const time = z.iso.datetime();

/** A process that runs jobs. */
export const workerSchema = z
  .object({
    id: z.string(),
    host: z.string(),
    pid: z.int(),
    version: z.string(),
    queues: z.array(z.string()),
    concurrency: z.int().meta({ description: 'How many jobs it can run at the same time.' }),
    running: z.int().meta({ description: 'How many it runs; for the key of a tenant: how many of that tenant.' }),
    jobs: z
      .array(z.object({ id: z.uuid(), type: z.string() }))
      .meta({ description: 'Those that it runs, the oldest first, at most 100, and only those that the key may see.' }),
    startedAt: time,
    lastHeartbeatAt: time,
    isAlive: z.boolean().meta({ description: 'false: its lease is over, and its jobs run elsewhere soon.' }),
  })
  .meta({ id: 'Worker' });
export type WorkerResource = z.infer<typeof workerSchema>;
