import { z } from 'zod';

const MAX_TEXT = 200_000;
const MAX_SCENES = 40;

/** What a video is about: `video:script` and `video:generate` take the same. */
export const subjectFields = {
  text: z.string().max(MAX_TEXT).optional().meta({ description: 'An article, release notes …: Markdown or plain.' }),
  topic: z.string().max(500).optional().meta({ description: 'Instead of a text; needs a model to say much.' }),
  title: z.string().trim().min(1).max(200).optional().meta({ description: 'Default: what the text is headed with.' }),
  maxScenes: z.int().min(1).max(MAX_SCENES).default(6),
};

interface Subject {
  text?: string | undefined;
  topic?: string | undefined;
}

export function checkSubject({ text, topic }: Subject, ctx: z.RefinementCtx): void {
  if (text === undefined && topic === undefined) {
    ctx.addIssue({ code: 'custom', path: ['text'], message: 'is required, unless there is a topic' });
  }
  if (text !== undefined && topic !== undefined) {
    ctx.addIssue({ code: 'custom', path: ['topic'], message: 'must not be given together with a text' });
  }
  for (const [name, value] of Object.entries({ text, topic })) {
    if (value === undefined || /[\p{L}\p{N}]/u.test(value)) continue;
    ctx.addIssue({ code: 'custom', path: [name], message: 'must not be empty: it needs at least one word' });
  }
}

export const scriptInputSchema = z.strictObject(subjectFields).superRefine(checkSubject);
export type ScriptInput = z.output<typeof scriptInputSchema>;

export const sceneSchema = z.object({
  title: z.string().meta({ description: 'May be empty: then the narration is the headline.' }),
  narration: z.string(),
  durationMs: z.int(),
});
export type Scene = z.infer<typeof sceneSchema>;

export const scriptSchema = z.object({
  title: z.string(),
  scenes: z.array(sceneSchema).min(1).max(MAX_SCENES),
  writer: z.enum(['offline', 'model']).meta({ description: 'Who wrote it.' }),
});
export type Script = z.infer<typeof scriptSchema>;
