import { z } from 'zod';

/** What keeps a job from running. */
export const waitingReasons = [
  'queue_paused',
  'tenant_limit',
  'rate_limit',
  'concurrency_key',
  'delay',
  'no_worker',
  'backlog',
  'steps',
] as const;

export const waitingForSchema = z
  .object({
    reason: z.enum(waitingReasons),
    position: z
      .int()
      .nullable()
      .meta({ description: 'How many jobs start before it, at most 10,000; null where unknown.' }),
    etaMs: z.int().nullable().meta({ description: 'When it may start, as the last minute of its queue went.' }),
    until: z.iso.datetime().optional().meta({ description: 'When what it waits for is over, where that is known.' }),
  })
  .meta({ id: 'WaitingFor', description: 'Why the job does not run.' });
export type WaitingFor = z.infer<typeof waitingForSchema>;
