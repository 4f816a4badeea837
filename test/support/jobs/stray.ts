import { defineJob, z } from 'longshore';

/** Completes, and lets something throw afterwards. */
export const stray = defineJob({
  type: 'test:stray',
  input: z.enum(['throw', 'reject']),
  run: (how) => {
    setTimeout(() => {
      const error = new Error(`${how} after the end`);
      if (how === 'throw') throw error;
      void Promise.reject(error);
    }, 200);
    return 'done';
  },
});
