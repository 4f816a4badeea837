import { definePipeline, z } from 'longshore';
import { echo, flaky } from './basics.ts';

export const scenes = definePipeline({
  type: 'test:scenes',
  input: z.int(),
  run: (count, { step }) =>
    step.all(
      echo,
      Array.from({ length: count }, (_, index) => index),
    ),
});

/** Calls a job, a pipeline of some jobs, and one that may fail; with `isAsking` it waits for the event `go` in between. */
export const film = definePipeline({
  type: 'test:film',
  input: z.object({ scenes: z.int().default(2), fails: z.int().default(0), isAsking: z.boolean().default(false) }),
  async run(input, { step }) {
    const title = await step(echo, 'title');
    const shot = await step(scenes, input.scenes, { key: 'scenes' });
    const answer = input.isAsking ? await step.waitForEvent('go') : null;
    await step(flaky, { times: input.fails }, { key: 'cut', attempts: 2 });
    return { title, shot, answer };
  },
});
