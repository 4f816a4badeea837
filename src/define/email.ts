import type { Readable } from 'node:stream';
import type { EmailAddress } from '../shared/email-address.ts';

export {
  domainOf,
  type EmailAddress,
  emailKeyOf,
  isEmailAddress,
  parseEmailAddress,
} from '../shared/email-address.ts';

/** Sends e-mail through the server of SMTP_URL. */
export interface EmailSender {
  /** EMAIL_FROM. */
  readonly defaultFrom: EmailAddress | undefined;
  /**
   * Hands a message to the server once. Connections are kept and shared.
   * @param signal ends the waiting and closes the connection; whether the server has taken the message by then is not known
   * @returns what the server said of each recipient, also when it refused all of them
   * @throws NonRetryableError for a reply 5xx and without SMTP_URL; another error for what may pass: 4xx, the network
   */
  send(message: EmailMessage, signal: AbortSignal): Promise<EmailReceipt>;
  /**
   * Reads a template of EMAIL_TEMPLATES_DIR.
   * @throws NonRetryableError when there is none of that name
   */
  readTemplate(name: string): Promise<EmailTemplate>;
}

export interface EmailMessage {
  /** With its angle brackets. */
  messageId: string;
  from: EmailAddress;
  to: readonly EmailAddress[];
  cc?: readonly EmailAddress[];
  replyTo?: readonly EmailAddress[];
  subject: string;
  text?: string | undefined;
  html?: string | undefined;
  headers?: Readonly<Record<string, string>>;
  attachments?: readonly EmailAttachment[];
  /** Who gets it this time, whether the head names them or not. */
  recipients: readonly string[];
}

export interface EmailAttachment {
  filename: string;
  /** Default: by the ending of the name. */
  contentType?: string | undefined;
  /** `<img src="cid:…">` shows it within the HTML. */
  cid?: string | undefined;
  content: Buffer | Readable;
}

export interface EmailReceipt {
  accepted: string[];
  refused: { address: string; reply: string; isPermanent: boolean }[];
  /** What the server said of the message; empty when it refused all recipients. */
  response: string;
}

/** Mustache, not rendered yet; at least one of text and HTML is there. */
export interface EmailTemplate {
  subject?: string | undefined;
  text?: string | undefined;
  html?: string | undefined;
}
