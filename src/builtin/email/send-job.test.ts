import { describe, expect, it } from 'vitest';
import type { EmailMessage, EmailReceipt, EmailSender } from '../../define/email.ts';
import { runJob } from '../../testing.ts';
import { emailSend } from './send-job.ts';

const INPUT = { to: ['ada@example.com', 'ada@EXAMPLE.com'], cc: 'grace@example.com', subject: 'Hi', text: 'Hello' };
const accept = (...accepted: string[]): EmailReceipt => ({ accepted, refused: [], response: '250 OK' });

/** A mail server that answers as it is told, one message after another. */
function createSender(...receipts: EmailReceipt[]): EmailSender & { sent: EmailMessage[] } {
  const sent: EmailMessage[] = [];
  return {
    sent,
    defaultFrom: { address: 'shop@Bücher.example', name: 'Shop' },
    async send(message) {
      sent.push(message);
      return receipts[sent.length - 1] ?? accept();
    },
    readTemplate: async () => ({ text: 'Dear {{name}}' }),
  };
}

describe('email:send', () => {
  it('asks for each mailbox once, under a Message-ID of the job and the sender’s domain', async () => {
    const email = createSender(accept('ada@EXAMPLE.com', 'grace@example.com'));
    const job = { id: '01980000-0000-7000-8000-000000000001' };
    const { output } = await runJob(emailSend, INPUT, { services: { email }, job });
    expect(email.sent[0]?.recipients).toEqual(['ada@EXAMPLE.com', 'grace@example.com']);
    expect(output.messageId).toBe(`<${job.id}@xn--bcher-kva.example>`);
    expect(output).toMatchObject({ accepted: ['ada@EXAMPLE.com', 'grace@example.com'], rejected: [] });
  });

  it('keeps who has got it before it fails for those that were put off', async () => {
    const refused = [{ address: 'grace@example.com', reply: '450 later', isPermanent: false }];
    const email = createSender({ accepted: ['ada@example.com'], refused, response: '250 OK' });
    await expect(runJob(emailSend, INPUT, { services: { email } })).rejects.toThrow(
      'the mail server put off grace@example.com: 450 later (1 recipient got it)',
    );
  });

  it('fails for those that were put off only when it is kept who has got it, also while the database is away', async () => {
    const refused = [{ address: 'grace@example.com', reply: '450 later', isPermanent: false }];
    const email = createSender({ accepted: ['ada@example.com'], refused, response: '250 OK' });
    const kept: unknown[] = [];
    let isAway = true;
    const run: typeof emailSend.run = (input, ctx) => {
      const checkpoint: typeof ctx.checkpoint = async (state) => {
        if (!isAway) return void kept.push(state);
        isAway = false;
        throw Object.assign(new Error('the database did not answer'), { code: 'STORE_UNAVAILABLE' });
      };
      return emailSend.run(input, { ...ctx, checkpoint });
    };
    await expect(runJob({ ...emailSend, run }, INPUT, { services: { email } })).rejects.toThrow('put off grace');
    expect(kept).toEqual([{ accepted: ['ada@example.com'], rejected: [], response: '250 OK' }]);
  });

  it('sends to nobody again, neither those that got it nor those that were refused', async () => {
    const lastCheckpoint = {
      accepted: ['ada@example.com'],
      rejected: [{ address: 'grace@example.com', reply: '550 no' }],
      response: '250 OK',
    };
    const email = createSender();
    const input = { ...INPUT, to: 'ada@example.com' };
    const { output } = await runJob(emailSend, input, { services: { email }, lastCheckpoint, attempt: 2 });
    expect(email.sent).toEqual([]);
    expect(output).toMatchObject(lastCheckpoint);
  });

  it('asks those again that were refused when it is retried by hand', async () => {
    const rejected = [{ address: 'grace@example.com', reply: '550 no' }];
    const email = createSender(accept('grace@example.com'));
    const input = { ...INPUT, to: 'ada@example.com' };
    const lastCheckpoint = { accepted: ['ada@example.com'], rejected, response: '250 OK' };
    const { output } = await runJob(emailSend, input, { services: { email }, lastCheckpoint, attempt: 1 });
    expect(email.sent.map(({ recipients }) => recipients)).toEqual([['grace@example.com']]);
    expect(output).toMatchObject({ accepted: ['ada@example.com', 'grace@example.com'], rejected: [] });
  });

  it('does not take braces for variables where there are none', async () => {
    const email = createSender(accept('ada@example.com'));
    const input = { to: 'ada@example.com', subject: '{{', text: '{{not a variable' };
    await runJob(emailSend, input, { services: { email } });
    expect(email.sent[0]).toMatchObject({ subject: '{{', text: '{{not a variable' });
  });

  it('fails for good without a sender, and for a template without a subject', async () => {
    const email = createSender();
    const withoutSender = { ...email, defaultFrom: undefined };
    await expect(runJob(emailSend, INPUT, { services: { email: withoutSender } })).rejects.toMatchObject({
      name: 'NonRetryableError',
      message: 'there is no sender: give from, or set EMAIL_FROM',
    });
    const templated = runJob(emailSend, { to: 'a@example.com', template: 'welcome' }, { services: { email } });
    await expect(templated).rejects.toThrow('there is no subject: give it, or add welcome.subject.txt');
  });
});
