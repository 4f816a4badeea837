import type { JobContext } from '../../define/context.ts';
import { NonRetryableError } from '../../define/errors.ts';
import { defineJob } from '../../define/job.ts';
import type { OpenAiSettings } from '../../define/services.ts';
import { videoQueue } from './queues.ts';
import { type Script, type ScriptInput, scriptInputSchema, scriptSchema } from './script-schema.ts';

export const videoScript = defineJob({
  type: 'video:script',
  description: 'Writes the scenes of a video from a text or a topic.',
  input: scriptInputSchema,
  output: scriptSchema,
  queue: videoQueue,
  examples: [{ title: 'Write the scenes of a text', input: { text: '# Tea\n\nTea is a drink made from leaves.' } }],
  failures: [
    { when: 'the model answers 5xx or 429 (after Retry-After), or with what is no script', effect: 'retry' },
    { when: 'the model refuses the key or the request', effect: 'fail' },
    { when: 'the text says nothing that could be told', effect: 'fail' },
  ],
  repeats: 'Without a model it writes the same script again. With one it asks again, and may get another.',
  timeoutMs: 180_000,
  run: createScript,
});

async function createScript(input: ScriptInput, ctx: JobContext): Promise<Script> {
  const server = ctx.services.openAi;
  const script = server === undefined ? await writeOffline(input, ctx) : await askModel(input, ctx, server);
  ctx.progress(100, `${script.scenes.length} scenes`);
  return script;
}

async function askModel(input: ScriptInput, ctx: JobContext, server: OpenAiSettings): Promise<Script> {
  const { askForScript } = await import('./script-model.ts');
  return askForScript(input, ctx, server);
}

async function writeOffline(input: ScriptInput, ctx: JobContext): Promise<Script> {
  const { outlineTopic, writeScript } = await import('./script-writer.ts');
  if (input.topic !== undefined) {
    ctx.log.warn('without OPENAI_BASE_URL there is only an outline of the topic: give a text, or a model to write one');
    return outlineTopic(input.topic, input);
  }
  const script = writeScript(input.text ?? '', input);
  if (script) return script;
  throw new NonRetryableError('the text has no words that could be told: it is all code, tables, pictures or numbers');
}
