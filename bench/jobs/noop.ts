import { defineJob, z } from '../../src/index.ts';

/** Told with the latency of each run; only a measuring process sets it. */
export type OnRun = (sentAtUs: number) => void;

let onRun: OnRun = () => {};

export function observeRuns(observer: OnRun): void {
  onRun = observer;
}

export const noop = defineJob({
  type: 'bench:noop',
  description: 'Does nothing, as fast as it can.',
  input: z.object({ n: z.int(), sentAtUs: z.int() }),
  run: ({ sentAtUs }) => {
    onRun(sentAtUs);
    return null;
  },
});
