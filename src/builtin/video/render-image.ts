/** The handler of `video:image`. */
import type { JobContext } from '../../define/context.ts';
import { paintBackground } from './background.ts';
import { sizes } from './formats.ts';
import type { ImageInput, ImageOutput } from './image-job.ts';
import { toPlainText } from './markdown.ts';
import { renderCard } from './render-card.ts';

export async function run(input: ImageInput, ctx: JobContext): Promise<ImageOutput> {
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
