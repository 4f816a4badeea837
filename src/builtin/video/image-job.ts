import { z } from 'zod';
import { defineJob } from '../../define/job.ts';
import { formatSchema, storedFileSchema } from './formats.ts';
import { renderQueue } from './queues.ts';

const inputSchema = z
  .strictObject({
    title: z.string().max(500).default('').meta({ description: 'Large. Empty: the narration is the headline.' }),
    narration: z.string().max(2000).default(''),
    heading: z.string().max(500).default('').meta({ description: 'Small, at the top: the title of the video.' }),
    scene: z.int().min(1).max(1000).default(1),
    scenes: z.int().min(1).max(1000).default(1),
    format: formatSchema,
  })
  .refine(({ title, narration }) => /\S/.test(title + narration), {
    path: ['title'],
    message: 'must not be empty, unless there is a narration',
  })
  .refine(({ scene, scenes }) => scene <= scenes, { path: ['scene'], message: 'must not be above scenes' });

const outputSchema = z.object({ image: storedFileSchema, width: z.int(), height: z.int() });

export type ImageInput = z.output<typeof inputSchema>;
export type ImageOutput = z.input<typeof outputSchema>;

/** In a thread: to lay out and draw a card keeps a processor busy for a tenth of a second. */
export const videoImage = defineJob({
  type: 'video:image',
  description: 'Renders the title card of a scene.',
  input: inputSchema,
  output: outputSchema,
  queue: renderQueue,
  examples: [{ title: 'Draw a title card', input: { title: 'Green tea', narration: 'It is not fermented at all.' } }],
  failures: [
    { when: 'the model that paints answers 5xx or 429 (after Retry-After)', effect: 'retry' },
    { when: 'the model refuses the key or the request', effect: 'fail' },
  ],
  repeats: 'The picture is drawn again and takes the place of the former one; a painted background is asked for again.',
  timeoutMs: 300_000,
  isolation: 'thread',
  handlerFile: new URL('./render-image.ts', import.meta.url),
});
