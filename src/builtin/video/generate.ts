import { z } from 'zod';
import { definePipeline } from '../../define/pipeline.ts';
import { videoClip } from './clip-job.ts';
import { formatSchema } from './formats.ts';
import { videoImage } from './image-job.ts';
import { audioSchema, mergeOutputSchema, videoMerge } from './merge-job.ts';
import { videoQueue } from './queues.ts';
import { videoScript } from './script-job.ts';
import { checkSubject, subjectFields } from './script-schema.ts';

const inputSchema = z
  .strictObject({ ...subjectFields, format: formatSchema, audio: audioSchema.optional() })
  .superRefine(checkSubject);

const outputSchema = mergeOutputSchema.extend({ title: z.string(), scenes: z.int() });

export const videoGenerate = definePipeline({
  type: 'video:generate',
  description: 'Makes a video of a text or a topic.',
  input: inputSchema,
  output: outputSchema,
  queue: videoQueue,
  examples: [
    {
      title: 'Make a video of an article',
      input: {
        text: '# Tea\n\nTea is a drink made from leaves.\n\n## Green\n\nGreen tea is not fermented.',
        maxScenes: 2,
      },
    },
  ],
  failures: [
    { when: 'a step fails after all of its attempts; the steps that completed are kept for a retry', effect: 'fail' },
    { when: 'its code changed while it was under way (`pipeline_changed`)', effect: 'fail' },
  ],
  repeats: 'What has completed is not done again: each step is a job of its own, whose result is kept.',

  async run({ format, audio, ...subject }, { step }) {
    const { title, scenes } = await step(videoScript, subject);

    const images = await step.map(videoImage, scenes, (scene, index) => ({
      title: scene.title,
      narration: scene.narration,
      heading: title,
      scene: index + 1,
      scenes: scenes.length,
      format,
    }));

    const clips = await step.map(
      videoClip,
      scenes,
      ({ durationMs }, index) => ({
        image: images[index]?.image.key ?? '',
        durationMs,
        format,
        zoom: index % 2 === 0 ? ('in' as const) : ('out' as const),
      }),
      { concurrency: 2 },
    );

    const told = clips.map(({ clip }, index) => ({ clip: clip.key, narration: scenes[index]?.narration ?? '' }));
    const merged = await step(videoMerge, { clips: told, title, ...(audio === undefined ? {} : { audio }) });
    return { ...merged, title, scenes: scenes.length };
  },
});
