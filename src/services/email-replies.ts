import type { EmailReceipt } from '../define/email.ts';
import { NonRetryableError } from '../define/errors.ts';
import { emailKeyOf } from '../shared/email-address.ts';

/** What nodemailer adds to its errors. */
interface SmtpError extends Error {
  code?: string;
  command?: string;
  /** The server's words. */
  response?: string;
  responseCode?: number;
  recipient?: string;
}

/** Faults of the message or the settings, which no later attempt finds changed. */
const lastingFaults: readonly string[] = ['ECONFIG', 'EFILEACCESS', 'EURLACCESS', 'ENOAUTH', 'EREQUIRETLS'];
/** Those of a message, or a login, that the library itself finds before it asks the server. */
const ownFaults: readonly string[] = ['EENVELOPE', 'EMESSAGE', 'EAUTH'];

/** @param keys the addresses as the caller wrote them, by their keys */
export function toVerdicts(errors: readonly Error[], keys: ReadonlyMap<string, string>): EmailReceipt['refused'] {
  return (errors as readonly SmtpError[]).flatMap((error) => {
    const address = error.recipient === undefined ? undefined : keys.get(emailKeyOf(error.recipient));
    return address === undefined ? [] : { address, reply: wordsOf(error), isPermanent: isPermanentReply(error) };
  });
}

/** Turns what the library threw into what decides about another attempt. Its messages hold no password. */
export function toSmtpFailure(thrown: unknown): Error {
  const error = thrown as SmtpError;
  const isAnswer = error.responseCode !== undefined && error.responseCode > 0;
  const about = error.command && error.command !== 'API' ? ` to ${error.command}` : '';
  const message = isAnswer
    ? `the mail server answered${about}: ${wordsOf(error)}`
    : `the mail server could not be used (${error.code ?? error.name}): ${wordsOf(error)}`;
  const { code = '' } = error;
  const isLasting =
    isPermanentReply(error) || lastingFaults.includes(code) || (error.command === 'API' && ownFaults.includes(code));
  const text = message + adviceOn(error);
  return isLasting ? new NonRetryableError(text, { cause: error }) : new Error(text, { cause: error });
}

/** What a person would look at first. */
function adviceOn({ code, message }: SmtpError): string {
  if (code === 'EAUTH' || code === 'ENOAUTH') return '; check the user and the password in SMTP_URL';
  if (/wrong version number|packet length too long/i.test(message)) return '; does SMTP_URL need smtp:// on this port?';
  if (/greeting never received/i.test(message)) return '; does SMTP_URL need smtps:// on this port?';
  return '';
}

function wordsOf({ response, message }: SmtpError): string {
  return (response ?? message).replaceAll(/\s+/g, ' ').trim().slice(0, 500);
}

// RFC 5321, 4.2.1: 5yz is permanent. But 503 is about the order of commands: another connection may do better.
function isPermanentReply({ responseCode = 0 }: SmtpError): boolean {
  return responseCode >= 500 && responseCode <= 599 && responseCode !== 503;
}
