/**
 * Approval: asks a person whether a refund may be paid, and waits for the answer, for days if need be. Meanwhile the
 * pipeline holds no slot of a worker, and the program may be stopped, deployed or lost.
 */
import { defineJob, definePipeline, z } from 'longshore';

const THREE_DAYS_MS = 3 * 24 * 3_600_000;

const refund = z.object({
  order: z.string().min(1),
  cents: z.int().min(1),
  notifyUrl: z.url().optional().meta({ description: 'Of a chat that takes {"text": …}, as Slack does.' }),
});

/** What a person sends to `POST /v1/jobs/{id}/events/decision`. */
const decision = z.object({ approved: z.boolean(), by: z.string().min(1) });

const result = z.object({
  outcome: z.enum(['paid', 'rejected', 'unanswered']),
  by: z.string().nullable(),
  receipt: z.string().nullable(),
});

export const notify = defineJob({
  type: 'refund:notify',
  description: 'Tells the people in charge, in their chat',
  input: z.object({ url: z.url().optional(), text: z.string() }),
  async run({ url, text }, { log, services, signal }) {
    log.info(text);
    if (url === undefined) return;
    const headers = { 'content-type': 'application/json' };
    const response = await services.fetch(url, { method: 'POST', headers, body: JSON.stringify({ text }), signal });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the chat answered ${response.status}`); // the next attempt follows
  },
});

export const pay = defineJob({
  type: 'refund:pay',
  description: 'Pays a refund',
  input: refund.pick({ order: true, cents: true }),
  output: z.object({ receipt: z.string() }),
  attempts: 8,
  run({ order, cents }, { job, log }) {
    // A run may be repeated when its worker dies. The id of the job stays, so give it to whoever pays as the
    // idempotency key: await ctx.services.fetch('https://…', { headers: { 'idempotency-key': job.id }, … })
    log.info(`paid ${formatEuros(cents)} for order ${order}`);
    return { receipt: `receipt-${job.id}` };
  },
});

export const approveRefund = definePipeline({
  type: 'refund:approve',
  description: 'Pays a refund when a person has approved it',
  input: refund.extend({ timeoutMs: z.int().min(1).default(THREE_DAYS_MS) }),
  output: result,
  async run({ order, cents, notifyUrl: url, timeoutMs }, { job, step }): Promise<z.infer<typeof result>> {
    const tell = (text: string) => step(notify, { url, text });
    const what = `the refund of ${formatEuros(cents)} for order ${order}`;
    await tell(`Please decide on ${what}: POST /v1/jobs/${job.id}/events/decision {"approved": true, "by": "you"}`);

    // Anybody can send anything: what is no decision is passed over, and the next one is waited for.
    let answer = decision.safeParse(undefined);
    while (!answer.success) {
      const event = await step.waitForEvent('decision', { timeoutMs });
      if (event === null) {
        await tell(`Nobody has decided on ${what} in time. It is not paid.`);
        return { outcome: 'unanswered', by: null, receipt: null };
      }
      answer = decision.safeParse(event);
    }

    const { approved, by } = answer.data;
    if (!approved) {
      await tell(`${by} has rejected ${what}.`);
      return { outcome: 'rejected', by, receipt: null };
    }
    const { receipt } = await step(pay, { order, cents });
    await tell(`${by} has approved ${what}. It is paid: ${receipt}`);
    return { outcome: 'paid', by, receipt };
  },
});

function formatEuros(cents: number): string {
  return `€ ${(cents / 100).toFixed(2)}`;
}
