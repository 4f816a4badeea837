import { mkdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { Problem } from '../../src/contract/program.ts';
import type { StoredFile } from '../../src/index.ts';
import { findFreePort } from '../support/free-port.ts';
import { type MailServer, type MailServerOptions, makeCertificate, startMailServer } from '../support/mail-server.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const QUICKLY = { backoff: { type: 'fixed' as const, delayMs: 10 } };
const TEXT = { subject: 'Hello', text: 'Good day.' };

interface Output {
  messageId: string;
  accepted: string[];
  rejected: { address: string; reply: string }[];
  response: string;
}

describe('email:send', () => {
  let installation: Installation;
  let program: Program;
  let server: MailServer;

  beforeAll(async () => {
    server = await startMailServer();
    installation = await Installation.create({
      settings: {
        SMTP_URL: `smtp://127.0.0.1:${server.port}`,
        EMAIL_FROM: 'Shop <shop@example.com>',
        QUEUE_RATE_LIMIT_EMAIL: 'none',
      },
    });
    const templates = join(installation.folder, 'templates');
    mkdirSync(templates);
    writeFileSync(join(templates, 'welcome.subject.txt'), 'Welcome, {{name}}!\n');
    writeFileSync(join(templates, 'welcome.txt'), 'Dear {{name}},\n{{#orders}}- {{sku}}\n{{/orders}}');
    writeFileSync(join(templates, 'welcome.html'), '<p>Dear {{name}}</p>');
    writeFileSync(join(installation.folder, 'outside.txt'), 'not a template');
    program = await installation.start();
  });
  afterAll(async () => {
    await installation?.remove();
    await server?.stop();
  });

  async function send(input: object, options: object = QUICKLY): Promise<JobResource & { output: Output }> {
    const { id } = await program.enqueue('email:send', { ...TEXT, ...input }, options);
    return (await program.jobEnded(id)) as JobResource & { output: Output };
  }

  it('sends text and HTML to everybody, names no blind copies, and takes its Message-ID from the job', async () => {
    const job = await send({
      to: ['Ada <ada@example.com>', { address: 'grace@example.com', name: 'Grace, Admiral' }],
      cc: 'edsger@example.com',
      bcc: 'archive@example.com',
      replyTo: 'help@example.com',
      html: '<p>Good day.</p>',
      headers: { 'X-Order': '17', 'List-Unsubscribe': '<https://example.com/u>' },
    });
    expect(job).toMatchObject({ status: 'completed', attempt: 1 });
    const accepted = ['ada@example.com', 'grace@example.com', 'edsger@example.com', 'archive@example.com'];
    expect(job.output).toEqual({
      messageId: `<${job.id}@example.com>`,
      accepted,
      rejected: [],
      response: expect.stringMatching(/^250 /),
    });
    const [{ from, to, mail } = fail()] = await server.waitForMail('archive@example.com');
    expect({ from, to }).toEqual({ from: 'shop@example.com', to: accepted });
    expect(mail).toMatchObject({ messageId: job.output.messageId, subject: 'Hello', html: '<p>Good day.</p>' });
    expect(mail.text?.trim()).toBe('Good day.');
    expect(mail.from?.text).toBe('"Shop" <shop@example.com>');
    expect(mail.to).toMatchObject({ text: expect.stringContaining('"Grace, Admiral" <grace@example.com>') });
    expect(mail.bcc).toBeUndefined();
    expect(mail.headers.get('x-order')).toBe('17');
    expect(mail.headers.has('list')).toBe(true);
  });

  it('attaches content, a file that a job has made and a local one, and shows a picture within the HTML', async () => {
    const made = await program.enqueue('test:file', { name: 'large.bin', mebibytes: 5 });
    const { key, url } = (await program.jobEnded(made.id)).output as StoredFile;
    writeFileSync(join(installation.folder, 'terms.txt'), 'The terms.');
    const job = await send({
      to: 'files@example.com',
      html: '<img src="cid:logo">',
      attachments: [
        { filename: 'logo.png', content: Buffer.from('a picture').toString('base64'), cid: 'logo' },
        { filename: 'by-key.bin', from: key },
        { filename: 'by-url.bin', from: url, contentType: 'application/x-own' },
        { filename: 'Grüße.txt', from: 'terms.txt' },
        { filename: 'empty.txt', content: '' },
      ],
    });
    expect(job.error).toBeNull();
    const [{ mail } = fail()] = await server.waitForMail('files@example.com');
    const about = mail.attachments.map(({ filename, contentType, size }) => ({ filename, contentType, size }));
    expect(about).toEqual(
      expect.arrayContaining([
        { filename: 'logo.png', contentType: 'image/png', size: 9 },
        { filename: 'by-key.bin', contentType: 'application/octet-stream', size: 5 * 1024 ** 2 },
        { filename: 'by-url.bin', contentType: 'application/x-own', size: 5 * 1024 ** 2 },
        { filename: 'Grüße.txt', contentType: 'text/plain', size: 10 },
        { filename: 'empty.txt', contentType: 'text/plain', size: 0 },
      ]),
    );
    expect(mail.attachments.find(({ cid }) => cid === 'logo')?.content.toString()).toBe('a picture');
    expect(mail.attachments.find(({ filename }) => filename === 'Grüße.txt')?.content.toString()).toBe('The terms.');
  });

  it('fails at once when attachments are too large, missing, or not to be read', async () => {
    const content = Buffer.alloc(1000).toString('base64');
    const cases: [object, RegExp][] = [
      [{ attachments: [{ filename: 'a.bin', content }], maxAttachmentBytes: 999 }, /1000 bytes.*allows 999/],
      [{ attachments: [{ filename: 'a.bin', from: 'nowhere.txt' }] }, /nowhere\.txt.*does not exist/],
      [{ attachments: [{ filename: 'a.bin', from: '/etc/passwd' }] }, /may not be read/],
      [{ attachments: [{ filename: 'a.bin', from: `${crypto.randomUUID()}-a.bin` }] }, /there is no file/],
    ];
    for (const [input, message] of cases) {
      const job = await send({ to: 'nobody@example.com', ...input });
      expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
      expect(job.error?.message).toMatch(message);
    }
    expect(server.asked.filter(({ address }) => address === 'nobody@example.com')).toEqual([]);
  });

  it('renders a template, escaping variables in HTML alone', async () => {
    const { id } = await program.enqueue('email:send', {
      to: 'template@example.com',
      template: 'welcome',
      variables: { name: 'Ada & <b>', orders: [{ sku: 'A' }, { sku: 'B' }] },
    });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
    const [{ mail } = fail()] = await server.waitForMail('template@example.com');
    expect(mail).toMatchObject({ subject: 'Welcome, Ada & <b>!', html: '<p>Dear Ada &amp; &lt;b&gt;</p>' });
    expect(mail.text?.trim()).toBe('Dear Ada & <b>,\n- A\n- B');
  });

  it('fails at once for a variable or a template that there is not, and names it', async () => {
    const fails = async (input: object) => {
      const { id } = await program.enqueue('email:send', { to: 'nobody@example.com', ...input });
      const job = await program.jobEnded(id);
      expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
      return job.error?.message;
    };
    expect(await fails({ template: 'welcome', variables: {} })).toContain('there is no variable "name"');
    expect(await fails({ template: 'missing' })).toContain('there is no e-mail template "missing"');
    const broken = { subject: 'Hi {{a}}', text: 'x', variables: { a: 'b\r\nBcc: eve@example.com' } };
    expect(await fails(broken)).toContain('contains a line break');
  });

  it.each<[string, object, string]>([
    ['a line break in the subject', { subject: 'a\r\nBcc: eve@example.com' }, 'input.subject'],
    ['a line break in a header', { headers: { 'X-A': 'b\nBcc: eve@example.com' } }, 'input.headers.X-A'],
    ['a line break in a name', { to: { address: 'a@example.com', name: 'b\r\nBcc: c' } }, 'input.to.name'],
    ['a line break in an address', { to: 'a@example.com\nBcc: eve@example.com' }, 'input.to'],
    [
      'a line break in a filename',
      { attachments: [{ filename: 'a\r\nb', content: '' }] },
      'input.attachments.0.filename',
    ],
    ['a header of the way', { headers: { Bcc: 'eve@example.com' } }, 'input.headers.Bcc'],
    ['a path for a template', { subject: undefined, text: undefined, template: '../outside' }, 'input.template'],
    ['a template beside a text', { template: 'welcome' }, 'input.template'],
    ['no recipient', { to: [] }, 'input.to'],
    ['101 recipients', { to: Array(100).fill('a@example.com'), cc: 'b@example.com' }, 'input.to'],
    [
      'an attachment from two sources',
      { attachments: [{ filename: 'a', from: 'b', content: '' }] },
      'input.attachments.0',
    ],
    ['what it does not know', { body: 'x' }, 'input.body'],
  ])('refuses %s before anything is recorded', async (_, input, path) => {
    const json = { type: 'email:send', input: { to: 'ada@example.com', ...TEXT, ...input } };
    const { status, body } = await program.call<Problem>('/v1/jobs', { json });
    expect({ status, paths: body.errors?.map((error) => error.path) }).toEqual({ status: 422, paths: [path] });
  });

  it('comes back to a server that greylists, under the same Message-ID, and to those alone that were put off', async () => {
    const job = await send({ to: ['prompt@example.com', 'grey-one@example.com'], bcc: 'refused-too@example.com' });
    expect(job).toMatchObject({ status: 'completed', attempt: 2 });
    expect(job.output).toMatchObject({
      accepted: ['prompt@example.com', 'grey-one@example.com'],
      rejected: [{ address: 'refused-too@example.com', reply: '550 5.1.1 no such mailbox' }],
    });
    const [first = fail()] = await server.waitForMail('prompt@example.com');
    const [second = fail()] = await server.waitForMail('grey-one@example.com');
    expect([first.to, second.to]).toEqual([['prompt@example.com'], ['grey-one@example.com']]);
    expect([first.mail.messageId, second.mail.messageId]).toEqual(Array(2).fill(`<${job.id}@example.com>`));
    const asked = server.asked.map(({ address }) => address);
    expect(asked.filter((address) => address === 'prompt@example.com')).toHaveLength(1);
    expect(asked.filter((address) => address === 'refused-too@example.com')).toHaveLength(1);
    const { items } = (await program.call<Page<{ error: { message: string } | null }>>(`/v1/jobs/${job.id}/attempts`))
      .body;
    expect(items[0]?.error?.message).toBe(
      'the mail server put off grey-one@example.com: 451 4.7.1 greylisted, come back later ' +
        '(1 recipient got it, 1 refused for good)',
    );
  });

  it('fails at once when every recipient is refused, and a retry by hand asks again', async () => {
    const job = await send({ to: 'refused-all@example.com' });
    expect(job).toMatchObject({
      status: 'failed',
      reason: 'non_retryable',
      attempt: 1,
      error: {
        message: 'the mail server refused every recipient: refused-all@example.com: 550 5.1.1 no such mailbox',
      },
    });
    await program.call(`/v1/jobs/${job.id}/retry`, { method: 'POST' });
    await waitFor(() => server.asked.filter(({ address }) => address === 'refused-all@example.com').length === 2, {
      describe: 'the recipient is asked for again',
    });
  });

  it('fails at once when the message is refused with 5xx, with the words of the server', async () => {
    const job = await send({ to: 'ada@example.com', subject: 'spam, spam' });
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
    expect(job.error?.message).toContain('554 5.7.1 this looks like spam');
  });

  it('gives up after its attempts when 4xx goes on', async () => {
    const job = await send({ to: 'never@example.com' }, { ...QUICKLY, attempts: 3 });
    expect(job).toMatchObject({ status: 'failed', reason: 'attempts_exhausted', attempt: 3 });
    expect(job.error?.message).toContain('452 4.2.2 the mailbox is full');
  });
});

describe('the server of SMTP_URL', () => {
  let installation: Installation;
  let server: MailServer | undefined;
  const once = { attempts: 1 };

  beforeAll(async () => {
    installation = await Installation.create({ settings: { EMAIL_FROM: 'shop@example.com' } });
  });
  afterAll(() => installation?.remove());

  async function sendThrough(
    url: string | undefined,
    more: Record<string, string> = {},
    { to = 'ada@example.com', ...options }: { to?: string; attempts: number } = once,
  ) {
    const program = await installation.start({ ...(url === undefined ? {} : { SMTP_URL: url }), ...more });
    try {
      const { id } = await program.enqueue('email:send', { to, ...TEXT }, options);
      return await program.jobEnded(id);
    } finally {
      await program.stop('SIGTERM');
    }
  }

  async function withServer<T>(options: MailServerOptions, use: (address: string) => Promise<T>): Promise<T> {
    server = await startMailServer(options);
    try {
      return await use(`127.0.0.1:${server.port}`);
    } finally {
      await server.stop();
    }
  }

  it('must be set: a job fails at once and says so', async () => {
    const job = await sendThrough(undefined, {}, { attempts: 3 });
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
    expect(job.error?.message).toContain('SMTP_URL is not set');
  });

  it.each([
    ['smtps://', 'smtps', { secure: true }],
    ['STARTTLS', 'smtp', {}],
  ])('is talked to with TLS, by %s, only when its certificate can be trusted', async (_, scheme, options) => {
    const { certPath, ...certificate } = makeCertificate(installation.folder);
    const login = { user: 'shop@example.com', password: 'p@ss/word' };
    await withServer({ ...certificate, ...options, login }, async (address) => {
      const url = `${scheme}://shop%40example.com:p%40ss%2Fword@${address}`;
      const distrusted = await sendThrough(url);
      expect(distrusted).toMatchObject({ status: 'failed', reason: 'attempts_exhausted' });
      expect(distrusted.error?.message).toMatch(/certificate/);
      expect(JSON.stringify(distrusted)).not.toContain('p@ss');
      expect(await sendThrough(url, { NODE_EXTRA_CA_CERTS: certPath })).toMatchObject({ status: 'completed' });
      expect(await sendThrough(`${url}?tls.rejectUnauthorized=false`)).toMatchObject({ status: 'completed' });
      expect(server?.received).toMatchObject(Array(2).fill({ isEncrypted: true, user: login.user }));
    });
  });

  it('must offer TLS where ?requireTLS=true asks for it', async () => {
    const job = await withServer({}, (address) => sendThrough(`smtp://${address}?requireTLS=true`));
    expect(job).toMatchObject({ status: 'failed', error: { message: expect.stringMatching(/TLS/) } });
  });

  it('is given up at once when it refuses the login', async () => {
    const { certPath: _, ...certificate } = makeCertificate(installation.folder);
    const login = { user: 'shop', password: 'right' };
    const job = await withServer({ ...certificate, login }, (address) =>
      sendThrough(`smtp://shop:wrong@${address}?tls.rejectUnauthorized=false`, {}, { attempts: 3 }),
    );
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 1 });
    expect(job.error?.message).toContain('535 5.7.8');
    expect(job.error?.message).not.toContain('wrong');
  });

  it('may be away or say nothing: the attempt fails within the timeouts of the connection', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    try {
      const job = await sendThrough(`smtp://127.0.0.1:${port}?greetingTimeout=200`);
      expect(job).toMatchObject({ status: 'failed', reason: 'attempts_exhausted' });
      expect(job.error?.message).toMatch(/could not be used \(ETIMEDOUT\)/);
    } finally {
      await new Promise((resolve) => silent.close(resolve));
    }
    const stuck = await withServer({}, (address) =>
      sendThrough(`smtp://${address}?socketTimeout=300`, {}, { ...once, to: 'silent@example.com' }),
    );
    expect(stuck).toMatchObject({ status: 'failed', reason: 'attempts_exhausted' });
    expect(stuck.error?.message).toMatch(/could not be used \(ETIMEDOUT\)/);
    const job = await sendThrough(`smtp://127.0.0.1:${await findFreePort()}`);
    expect(job.error?.message).toMatch(/could not be used .*ECONNREFUSED/);
  });

  it('is left at once when a job is cancelled while it keeps silent', async () => {
    let [calls, hangUps] = [0, 0];
    const silent = createServer((socket) => {
      calls += 1;
      socket.on('error', () => undefined); // it was cut, which is what the test is about
      socket.on('close', () => {
        hangUps += 1;
      });
      socket.resume();
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const program = await installation.start({
      SMTP_URL: `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    });
    try {
      const { id } = await program.enqueue('email:send', { to: 'ada@example.com', ...TEXT });
      await waitFor(() => calls > 0, { describe: 'the job is connected' });
      await program.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
      expect(await program.jobEnded(id)).toMatchObject({ status: 'cancelled' });
      await waitFor(() => hangUps > 0, { describe: 'the connection is closed' });
    } finally {
      await program.stop('SIGTERM');
      await new Promise((resolve) => silent.close(resolve));
    }
  });
});

describe('email:batch', () => {
  it.each(['postgres', 'bullmq'] as const)(
    'sends each recipient an own e-mail within the rate limit, on %s',
    async (transport) => {
      const server = await startMailServer();
      const installation = await Installation.create({
        transport,
        settings: {
          SMTP_URL: `smtp://127.0.0.1:${server.port}`,
          EMAIL_FROM: 'news@example.com',
          QUEUE_RATE_LIMIT_EMAIL: '5/1h',
          QUEUE_CONCURRENCY_EMAIL: '20',
        },
      });
      try {
        const limited = await installation.start();
        const names = Array.from({ length: 12 }, (_, index) => (index === 4 ? 'refused-4' : `reader-${index}`));
        const { id } = await limited.enqueue('email:batch', {
          subject: '{{greeting}} {{name}}',
          text: 'News.',
          variables: { greeting: 'Hello', name: 'reader' },
          recipients: names.map((name) => ({ to: `${name}@example.com`, variables: { name } })),
        });
        await waitFor(() => server.asked.length === 5, { describe: 'as many e-mails as the limit allows' });
        await limited.stop('SIGTERM');
        expect(server.asked).toHaveLength(5);
        const unlimited = await installation.start({ QUEUE_RATE_LIMIT_EMAIL: 'none' });
        const job = await unlimited.jobEnded(id, 30_000);
        expect(job.output).toEqual({
          total: 12,
          sent: 11,
          failed: 1,
          failures: [{ index: 4, address: 'refused-4@example.com' }],
          steps: `/v1/jobs/${id}/steps`,
        });
        expect(server.asked).toHaveLength(12);
        const [{ mail } = fail()] = await server.waitForMail('reader-11@example.com');
        expect(mail.subject).toBe('Hello reader-11');
      } finally {
        await installation.remove();
        await server.stop();
      }
    },
  );

  it.each(['postgres', 'bullmq'] as const)(
    'stops when it is cancelled, and a retry sends the rest: each of 300 gets one, on %s',
    async (transport) => {
      const server = await startMailServer();
      const installation = await Installation.create({
        transport,
        settings: {
          SMTP_URL: `smtp://127.0.0.1:${server.port}`,
          EMAIL_FROM: 'news@example.com',
          QUEUE_RATE_LIMIT_EMAIL: '100/1h',
          QUEUE_CONCURRENCY_EMAIL: '20',
        },
      });
      try {
        const limited = await installation.start();
        const recipients = Array.from({ length: 300 }, (_, index) => ({ to: `reader-${index}@example.com` }));
        const { id } = await limited.enqueue('email:batch', { ...TEXT, recipients });
        const count = async (status: string) => {
          const path = `/v1/jobs?parentId=${id}&status=${status}&limit=200`;
          return (await limited.call<Page<JobResource>>(path)).body.items.length;
        };
        // Then nothing is under way that a cancel could meet.
        await waitFor(async () => (await count('completed')) === 100, {
          describe: 'as many e-mails as the limit allows are sent',
          timeoutMs: 30_000,
        });
        await limited.call(`/v1/jobs/${id}/cancel`, { method: 'POST' });
        await waitFor(async () => (await count('cancelled')) === 200, { describe: 'the others are cancelled' });
        await limited.stop('SIGTERM');
        const unlimited = await installation.start({ QUEUE_RATE_LIMIT_EMAIL: 'none' });
        await unlimited.call(`/v1/jobs/${id}/retry`, { method: 'POST' });
        expect((await unlimited.jobEnded(id, 30_000)).output).toMatchObject({ total: 300, sent: 300, failed: 0 });
        const reached = server.received.flatMap(({ to }) => to);
        expect(reached.toSorted()).toEqual(recipients.map(({ to }) => to).toSorted());
      } finally {
        await installation.remove();
        await server.stop();
      }
    },
  );
});

function fail(): never {
  throw new Error('there is no e-mail');
}
