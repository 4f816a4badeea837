import { AsyncLocalStorage } from 'node:async_hooks';

/** Which job the code that runs now belongs to, also after its handler has returned. */
export const jobScope = new AsyncLocalStorage<{ jobId: string; type: string; attempt: number }>();
