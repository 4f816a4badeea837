import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from 'smtp-server';
import { waitFor } from './wait-for.ts';

export interface ReceivedMail {
  from: string;
  /** The envelope: who gets it, whether the head names them or not. */
  to: string[];
  isEncrypted: boolean;
  user: string | undefined;
  mail: ParsedMail;
}

/**
 * A real SMTP server. Who it refuses follows from the names of the recipients: `refused…` gets 550, `grey…` gets 451 the
 * first time, `never…` gets 452 each time, `silent…` no answer at all. A message whose subject begins with `spam` gets 554.
 * The first message to `stuck…` is not read, and that to `held…` is taken, but its 250 held back; when the same message
 * comes again, both are as any other.
 */
export interface MailServer {
  readonly port: number;
  readonly received: readonly ReceivedMail[];
  /** Every recipient that was asked for, with the reply. */
  readonly asked: readonly { address: string; reply: number }[];
  /** What a recipient has got, once there are so many. */
  waitForMail(address: string, count?: number): Promise<ReceivedMail[]>;
  /** Sends the replies that are held back. */
  release(): void;
  stop(): Promise<void>;
}

export interface MailServerOptions extends Pick<SMTPServerOptions, 'secure' | 'key' | 'cert' | 'hideSTARTTLS'> {
  /** With it a login is needed. */
  login?: { user: string; password: string };
  /** One of `findFreePort`, to start another server on it. Default: any. */
  port?: number;
}

export async function startMailServer({ login, port = 0, ...options }: MailServerOptions = {}): Promise<MailServer> {
  const received: ReceivedMail[] = [];
  const asked: { address: string; reply: number }[] = [];
  const greylisted = new Set<string>();
  const stuck = new Set<string>();
  const held: (() => void)[] = [];
  const judge = (address: string): number => {
    if (address.startsWith('refused')) return 550;
    if (address.startsWith('never')) return 452;
    if (!address.startsWith('grey') || greylisted.has(address)) return 250;
    greylisted.add(address);
    return 451;
  };
  const server = new SMTPServer({
    // Its own certificate is only there for those that bring none, and it warns of it.
    ...(options.key === undefined ? { hideSTARTTLS: true, disabledCommands: ['STARTTLS'] } : {}),
    ...options,
    logger: false,
    closeTimeout: 100,
    authOptional: login === undefined,
    disableReverseLookup: true,
    onAuth({ username, password }, _session, callback) {
      if (username === login?.user && password === login?.password) callback(null, { user: username });
      else callback(reply(535, '5.7.8 Authentication credentials invalid'));
    },
    onRcptTo({ address }, _session, callback) {
      const code = judge(address);
      asked.push({ address, reply: code });
      if (address.startsWith('silent')) return;
      callback(code === 250 ? null : reply(code, words[code] ?? ''));
    },
    onData(stream, session, callback) {
      const { to, ...envelope } = readEnvelope(session);
      const left = to.find((address) => address.startsWith('stuck') && !stuck.has(address));
      if (left !== undefined) return void stuck.add(left);
      simpleParser(stream).then((mail) => {
        if (mail.subject?.startsWith('spam')) return callback(reply(554, '5.7.1 this looks like spam'));
        const isKnown = received.some(({ mail: { messageId } }) => messageId === mail.messageId);
        received.push({ ...envelope, to, mail });
        const accept = () => callback(null, `queued as ${received.length}`);
        if (!isKnown && to.some((address) => address.startsWith('held'))) held.push(accept);
        else accept();
      }, callback);
    },
  });
  server.on('error', () => undefined); // of single connections: a client that hangs up is one of the tests
  const listener = server.listen(port, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    received,
    asked,
    waitForMail: (address, count = 1) =>
      waitFor(
        () => {
          const found = received.filter(({ to }) => to.includes(address));
          return found.length >= count && found;
        },
        { describe: `${count} e-mails to ${address}`, timeoutMs: 30_000 },
      ),
    release: () => {
      for (const accept of held.splice(0)) accept();
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const words: Readonly<Record<number, string>> = {
  451: '4.7.1 greylisted, come back later',
  452: '4.2.2 the mailbox is full',
  550: '5.1.1 no such mailbox',
};

function reply(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

function readEnvelope({ envelope, secure, user }: SMTPServerSession) {
  return {
    from: envelope.mailFrom ? envelope.mailFrom.address : '',
    to: envelope.rcptTo.map(({ address }) => address),
    isEncrypted: secure,
    user: user === undefined ? undefined : String(user),
  };
}

/** A certificate for 127.0.0.1 that nobody vouches for. @param folder where its files go */
export function makeCertificate(folder: string): { key: string; cert: string; certPath: string } {
  const [keyPath, certPath] = [join(folder, 'mail-key.pem'), join(folder, 'mail-cert.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyPath, '-out', certPath],
    ],
    { stdio: 'ignore' },
  );
  return { key: readFileSync(keyPath, 'utf8'), cert: readFileSync(certPath, 'utf8'), certPath };
}
