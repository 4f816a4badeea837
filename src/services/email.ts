import type { EmailMessage, EmailReceipt, EmailSender } from '../define/email.ts';
import { NonRetryableError } from '../define/errors.ts';
import { emailKeyOf, parseEmailAddress } from '../shared/email-address.ts';
import { hideSecrets } from '../shared/hide-secrets.ts';
import { readSmtpUrl, type SmtpServer } from '../shared/smtp-url.ts';
import { toSmtpFailure, toVerdicts } from './email-replies.ts';
import { readEmailTemplate } from './email-templates.ts';

/** Plain data. */
export interface EmailSettings {
  /** SMTP_URL; secret. */
  smtpUrl: string | undefined;
  /** EMAIL_FROM. */
  from: string | undefined;
  /** EMAIL_TEMPLATES_DIR; absolute. */
  templatesDir: string;
}

/** The pool sends again what it could not begin to send, as over a connection that the server had closed. */
const MAX_REQUEUES = 2;

/** @returns the service, and what closes its connections: one in the middle of a message is cut */
export function createEmailSender(settings: EmailSettings): EmailSender & { close(): Promise<void> } {
  let pool: ReturnType<typeof openPool> | undefined;
  return {
    defaultFrom: settings.from === undefined ? undefined : parseEmailAddress(settings.from),

    async send(message, signal) {
      if (settings.smtpUrl === undefined) {
        throw new NonRetryableError('SMTP_URL is not set: there is no server that e-mail could be sent through');
      }
      pool ??= openPool(settings.smtpUrl);
      const { sendMail } = await pool;
      signal.throwIfAborted();
      return sendMail(message, signal);
    },

    readTemplate: (name) => readEmailTemplate(settings.templatesDir, name),

    async close() {
      (await pool)?.close();
      pool = undefined;
    },
  };
}

// nodemailer is loaded with the first message.
async function openPool(smtpUrl: string) {
  const { createTransport } = await import('nodemailer');
  const { options, ...server } = readSettings(smtpUrl);
  const secrets = listSecrets(server.auth);
  const transport = createTransport({ ...options, ...server, pool: true, maxRequeues: MAX_REQUEUES });
  return {
    async sendMail(message: EmailMessage, signal: AbortSignal): Promise<EmailReceipt> {
      const { from, recipients } = message;
      const keys = new Map(recipients.map((address) => [emailKeyOf(address), address]));
      try {
        const {
          accepted = [],
          rejectedErrors,
          response,
        } = await transport.sendMail({
          ...toMail(message),
          envelope: { from: from.address, to: [...keys.keys()] },
          signal,
        });
        return {
          accepted: accepted.map((key) => keys.get(emailKeyOf(key)) ?? key),
          refused: toVerdicts(rejectedErrors ?? [], keys),
          response,
        };
      } catch (error) {
        signal.throwIfAborted();
        const refused = toVerdicts((error as { rejectedErrors?: Error[] }).rejectedErrors ?? [], keys);
        if (refused.length === keys.size) return { accepted: [], refused, response: '' };
        throw hideSecrets(toSmtpFailure(error), secrets);
      }
    },
    close: () => transport.close({ force: true }),
  };
}

function readSettings(smtpUrl: string): SmtpServer {
  const faults: string[] = [];
  const server = readSmtpUrl(smtpUrl, faults);
  if (server) return server;
  throw new NonRetryableError(`SMTP_URL ${faults[0] ?? 'is no URL of SMTP'}`); // the start has checked it
}

// As they are sent: a server that does not know the command may repeat it in its answer.
function listSecrets({ user, pass }: NonNullable<SmtpServer['auth']> = { user: '', pass: '' }): string[] {
  if (pass === '') return [];
  const encode = (text: string) => Buffer.from(text).toString('base64');
  return [encode(`\u0000${user}\u0000${pass}`), encode(pass), pass];
}

function toMail({ messageId, from, to, cc, replyTo, subject, text, html, headers, attachments }: EmailMessage) {
  const copy = (list: EmailMessage['to'] = []) => list.map(({ name = '', address }) => ({ name, address }));
  return {
    messageId,
    from: copy([from]),
    to: copy(to),
    cc: copy(cc),
    replyTo: copy(replyTo),
    subject,
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
    headers: { ...headers },
    attachments: attachments?.map((attachment) => ({ ...attachment })) ?? [],
    // What a message consists of was read by the job, under its rules: the library itself opens nothing.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}
