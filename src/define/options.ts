import type { JobOptionsInput } from '../contract/enqueue.ts';

/** The options of `POST /v1/jobs`, without `tenant`: a child job belongs to its parent's tenant. */
export type EnqueueOptions = Omit<JobOptionsInput, 'tenant'>;
