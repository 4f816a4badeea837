import { z } from 'zod';
import { webUrlSchema } from '../web-url.ts';

const MAX_TEXT = 800_000;
const MAX_SCHEMA_BYTES = 64 * 1024;
const MAX_MESSAGES = 500;

const partSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string().max(MAX_TEXT) }),
  z.strictObject({
    type: z.literal('image_url'),
    image_url: z.strictObject({
      url: z
        .string()
        .max(MAX_TEXT)
        .refine((url) => url.startsWith('data:image/') || webUrlSchema.safeParse(url).success, {
          error: 'must be an http or https URL without a password, or a data URL of an image',
        })
        .meta({ description: 'PNG, JPEG, WebP or GIF. Longshore fetches it and sends it along, 8 MiB in all.' }),
      detail: z.enum(['auto', 'low', 'high']).optional(),
    }),
  }),
]);

const messageSchema = z.strictObject({
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z.union([z.string().max(MAX_TEXT), z.array(partSchema).min(1).max(100)]),
});
export type ChatMessage = z.infer<typeof messageSchema>;

export const chatInputSchema = z.strictObject({
  messages: z.array(messageSchema).min(1).max(MAX_MESSAGES),
  model: z.string().min(1).max(200).optional().meta({ description: 'Default: OPENAI_MODEL.' }),
  temperature: z.number().min(0).max(2).optional().meta({ description: 'Default: that of the server.' }),
  maxTokens: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(4096)
    .meta({ description: 'What the answer may have; so much of the budget is reserved for it.' }),
  stop: z
    .array(z.string().min(1).max(1000))
    .min(1)
    .max(4)
    .optional()
    .meta({ description: 'Texts that end the answer.' }),
  responseSchema: z
    .record(z.string(), z.unknown())
    .superRefine(async (schema, { addIssue }) => {
      const fault = await findFault(schema);
      if (fault !== undefined) addIssue({ code: 'custom', message: fault });
    })
    .optional()
    .meta({
      description:
        'A JSON Schema: the answer is JSON that fits it. `pattern`, `format` and `uniqueItems` are told to the model, but not checked.',
    }),
  isStrict: z.boolean().default(true).meta({
    description:
      'Whether the server shall enforce responseSchema. OpenAI then wants every property required and additionalProperties false.',
  }),
  stallTimeoutMs: z
    .int()
    .min(100)
    .max(600_000)
    .default(60_000)
    .meta({ description: 'How long the server may send nothing, before its first word and between two.' }),
  onBudgetExceeded: z
    .enum(['wait', 'fail'])
    .default('wait')
    .meta({ description: "What follows when the tenant's budget of today is used up: the next day, or the end." }),
});
export type ChatInput = z.output<typeof chatInputSchema>;

export const chatOutputSchema = z.object({
  text: z.string(),
  json: z.unknown().meta({ description: 'The parsed answer; null without responseSchema.' }),
  model: z.string().meta({ description: 'As the server names it.' }),
  finishReason: z
    .string()
    .nullable()
    .meta({ description: '`stop`; `length` where maxTokens cut it off; `content_filter` where the server did.' }),
  refusal: z.string().nullable().meta({ description: 'What the model said instead of an answer.' }),
  isRepaired: z
    .boolean()
    .meta({ description: 'Whether the first answer did not fit responseSchema, and was asked for again.' }),
  usage: z.object({
    inputTokens: z.int(),
    outputTokens: z.int(),
    costMicros: z
      .int()
      .meta({ description: 'Millionths of the currency of AI_PRICES; 0 for a model without a price.' }),
    isEstimated: z.boolean().meta({ description: 'Whether the server gave no numbers.' }),
  }),
  ms: z.int(),
  timeToFirstTokenMs: z.int().nullable(),
});
export type ChatOutput = z.infer<typeof chatOutputSchema>;

async function findFault(schema: Record<string, unknown>): Promise<string | undefined> {
  if (JSON.stringify(schema).length > MAX_SCHEMA_BYTES)
    return `must have at most ${MAX_SCHEMA_BYTES} characters as JSON`;
  const { compileAnswerSchema } = await import('./answer-schema.ts');
  try {
    compileAnswerSchema(schema);
    return undefined;
  } catch (error) {
    return `is not a JSON Schema that can be checked: ${(error as Error).message}`;
  }
}
