import { z } from 'zod';
import { NonRetryableError } from '../../define/errors.ts';
import { definePipeline, type PipelineContext } from '../../define/pipeline.ts';
import { addressSchema, toAddress } from './address.ts';
import { emailBatchQueue } from './queue.ts';
import { checkContent, messageShape, variablesSchema } from './schema.ts';
import { emailSend } from './send-job.ts';

const MAX_RECIPIENTS = 10_000;
const MAX_LISTED = 1000;

const inputSchema = z
  .strictObject({
    recipients: z
      .array(
        z.strictObject({
          to: addressSchema,
          variables: variablesSchema.optional().meta({ description: 'Go before those of the batch.' }),
        }),
      )
      .min(1)
      .max(MAX_RECIPIENTS)
      .meta({ description: 'Each gets an e-mail of its own, by a job `email:send` of its own.' }),
    ...messageShape,
  })
  .superRefine(checkContent);

const outputSchema = z.object({
  total: z.int(),
  sent: z.int(),
  failed: z.int(),
  failures: z
    .array(z.object({ index: z.int(), address: z.string() }))
    .meta({ description: `The first ${MAX_LISTED} that failed, by their place in recipients.` }),
  steps: z.string().meta({ description: 'Where the jobs are listed, each with its error.' }),
});

export const emailBatch = definePipeline({
  type: 'email:batch',
  description: 'Sends the same e-mail to many recipients, each with variables of its own.',
  input: inputSchema,
  output: outputSchema,
  queue: emailBatchQueue,
  examples: [
    {
      title: 'Send a newsletter',
      input: {
        subject: 'News for {{name}}',
        text: 'Dear {{name}}, {{news}}',
        variables: { news: 'we have moved.' },
        headers: { 'List-Unsubscribe': '<https://shop.example.com/unsubscribe>' },
        recipients: [
          { to: 'ada@example.com', variables: { name: 'Ada' } },
          { to: 'grace@example.com', variables: { name: 'Grace' } },
        ],
      },
    },
  ],
  failures: [
    { when: 'none of the e-mails was sent; those that fail beside others are counted in the output', effect: 'fail' },
  ],
  repeats: 'The jobs of a batch are recorded once; each of them repeats as `email:send` does.',
  run: sendBatch,
});

async function sendBatch(
  { recipients, variables, ...message }: z.output<typeof inputSchema>,
  ctx: PipelineContext,
): Promise<z.input<typeof outputSchema>> {
  const isRendered = variables !== undefined || recipients.some((recipient) => recipient.variables !== undefined);
  const outputs = await ctx.step.map(
    emailSend,
    recipients,
    (recipient) => ({
      ...message,
      to: recipient.to,
      ...(isRendered ? { variables: { ...variables, ...recipient.variables } } : {}),
    }),
    { key: 'emails', onFailure: 'continue' },
  );
  const failed = outputs.flatMap((output, index) => (output === undefined ? [index] : []));
  if (failed.length === recipients.length) {
    throw new NonRetryableError(`none of the e-mails was sent; /v1/jobs/${ctx.job.id}/steps tells why`);
  }
  return {
    total: recipients.length,
    sent: recipients.length - failed.length,
    failed: failed.length,
    failures: failed.slice(0, MAX_LISTED).map((index) => ({ index, address: addressOf(recipients[index]?.to) })),
    steps: `/v1/jobs/${ctx.job.id}/steps`,
  };
}

function addressOf(to: z.output<typeof addressSchema> | undefined): string {
  return to === undefined ? '' : toAddress(to).address;
}
