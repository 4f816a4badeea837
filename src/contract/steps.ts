import { z } from 'zod';
import { jobErrorSchema, jobStatusSchema, progressSchema } from './job.ts';
import { pageQuerySchema, wholeNumber } from './list.ts';

/** How deep pipelines can be nested, the outermost counted. */
export const MAX_DEPTH = 10;

const time = z.iso.datetime();

/** One thing that a pipeline waits for, or has waited for. */
export interface StepResource {
  key: string;
  kind: 'job' | 'sleep' | 'event';
  type: string;
  id: string | null;
  status: z.infer<typeof jobStatusSchema>;
  reason: string | null;
  attempt: number;
  maxAttempts: number;
  progress: z.infer<typeof progressSchema>;
  error: z.infer<typeof jobErrorSchema> | null;
  parentId: string;
  createdAt: string;
  runAt: string | null;
  startedAt: string | null;
  finishedAt: string | null;
  steps?: StepResource[] | undefined;
  hasMoreSteps?: boolean | undefined;
}

export const stepSchema: z.ZodType<StepResource> = z
  .lazy(() =>
    z.object({
      key: z
        .string()
        .meta({ description: 'Its name within the pipeline; one of many ends with its index, e.g. `[3]`.' }),
      kind: z.enum(['job', 'sleep', 'event']),
      type: z.string().meta({ description: 'The type of its job; `sleep`; or the name of the event.' }),
      id: z.uuid().nullable().meta({ description: 'Of its job; null for a pause and for an event.' }),
      status: jobStatusSchema.meta({
        description: '`waiting`: for its own steps, for its turn, for its time, or for the event.',
      }),
      reason: z.string().nullable(),
      attempt: z.int(),
      maxAttempts: z.int(),
      progress: progressSchema,
      error: jobErrorSchema.nullable(),
      parentId: z.uuid(),
      createdAt: time,
      runAt: time.nullable().meta({ description: 'When it is due, or is given up.' }),
      startedAt: time.nullable(),
      finishedAt: time.nullable(),
      steps: z.array(stepSchema).optional().meta({ description: 'With `depth` above 1: the steps of this step.' }),
      hasMoreSteps: z.boolean().optional(),
    }),
  )
  .meta({ id: 'Step' });

export const stepsQuerySchema = pageQuerySchema.extend({
  depth: wholeNumber(1, MAX_DEPTH).default(1),
});

/** What names a job of a step within its pipeline: the key of the call; that of one of many ends with its index. */
export function toStepKey(key: string, index: number | null): string {
  return index === null ? key : `${key}[${index}]`;
}

/** Names of events, as they stand in a URL. */
export const eventNameSchema = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'must be letters, digits, ".", "_" or "-"');
