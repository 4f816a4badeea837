import { z } from 'zod';
import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { askOpenAi, download } from '../open-ai/ask.ts';
import type { Card } from './card.ts';
import type { Format } from './formats.ts';

const answerSchema = z.object({
  data: z.array(z.object({ b64_json: z.string().min(1).nullish(), url: z.url().nullish() })).min(1),
});

/**
 * Has the configured provider paint the background of a card.
 * @returns a data URL; undefined when no model for images is configured
 */
export async function paintBackground(
  scene: Pick<Card, 'title' | 'narration' | 'heading' | 'format'>,
  ctx: JobContext,
): Promise<string | undefined> {
  const server = ctx.services.openAi;
  if (server?.imageModel === undefined) return undefined;
  ctx.progress(5, `asking ${server.imageModel}`);
  const answer = await askOpenAi(ctx, server, 'images/generations', {
    model: server.imageModel,
    prompt: describeScene(scene),
    n: 1,
    size: chooseSize(server.imageModel, scene.format),
  });
  const picture = answerSchema.safeParse(answer).data?.data[0];
  if (picture?.b64_json) return toDataUrl(Buffer.from(picture.b64_json, 'base64'), server.imageModel);
  if (picture?.url) return toDataUrl(await download(ctx, picture.url), server.imageModel);
  throw new Error(`${server.imageModel} did not answer as /images/generations should`);
}

function describeScene({ title, narration, heading }: Pick<Card, 'title' | 'narration' | 'heading'>): string {
  const subject = [heading, title, narration].filter(Boolean).join('. ');
  return `A calm, atmospheric background for one scene of a video, without any text, letters or logos. The scene: ${subject}`;
}

// Each family of models takes sizes of its own.
function chooseSize(model: string, format: Format): string {
  if (model.includes('dall-e-2')) return '1024x1024';
  const [long, short] = model.includes('dall-e-3') ? [1792, 1024] : [1536, 1024];
  return format === 'landscape' ? `${long}x${short}` : `${short}x${long}`;
}

async function toDataUrl(picture: Buffer, model: string): Promise<string> {
  const { fileTypeFromBuffer } = await import('file-type');
  const type = (await fileTypeFromBuffer(picture))?.mime;
  if (type !== 'image/png' && type !== 'image/jpeg') {
    throw new NonRetryableError(`${model} made ${type ?? 'something unknown'}; PNG or JPEG is needed`);
  }
  return `data:${type};base64,${picture.toString('base64')}`;
}
