import { z } from 'zod';
import type { JobContext } from '../../define/context.ts';
import { defineJob } from '../../define/job.ts';
import { formatSchema, sizes, storedFileSchema } from './formats.ts';
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
  run: renderImage,
});

async function renderImage(
  input: z.output<typeof inputSchema>,
  ctx: JobContext,
): Promise<z.input<typeof outputSchema>> {
  // What a job needs is loaded with the first of them: most programs render no card.
  const [{ paintBackground }, { toPlainText }, { renderCard }] = await Promise.all([
    import('./background.ts'),
    import('./markdown.ts'),
    import('./render-card.ts'),
  ]);
  const texts = {
    title: toPlainText(input.title),
    narration: toPlainText(input.narration),
    heading: toPlainText(input.heading),
  };
  const background = await paintBackground({ ...texts, format: input.format }, ctx);
  ctx.progress(50, 'drawing the card');
  const png = await renderCard({ ...input, ...texts, background });
  const image = await ctx.files.create('scene.png', png);
  ctx.progress(100, `${image.bytes} bytes`);
  return { image, ...sizes[input.format] };
}
