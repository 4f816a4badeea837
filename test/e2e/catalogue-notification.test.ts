import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Problem } from '../../src/contract/program.ts';
import { verifyWebhook } from '../../src/index.ts';
import { answerJson, type FakeServer, startFakeServer } from '../support/fake-server.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { Installation, type Program } from '../support/program.ts';

const QUICKLY = { backoff: { type: 'fixed' as const, delayMs: 10 } };
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describe('user:notification', () => {
  let installation: Installation;
  let program: Program;
  let mail: MailServer;
  let http: FakeServer;

  beforeAll(async () => {
    [mail, http] = await Promise.all([startMailServer(), startFakeServer()]);
    installation = await Installation.create({
      settings: { SMTP_URL: `smtp://127.0.0.1:${mail.port}`, EMAIL_FROM: 'Shop <shop@example.com>' },
    });
    program = await installation.start();
  });
  afterAll(async () => {
    await installation?.remove();
    await Promise.all([mail?.stop(), http?.[Symbol.asyncDispose]()]);
  });

  async function notify(input: object, options: object = QUICKLY): Promise<JobResource> {
    const { id } = await program.enqueue('user:notification', { user: 'ada', title: 'Ready', ...input }, options);
    return program.jobEnded(id);
  }
  const requestsTo = (path: string) => http.seen.filter((request) => request.path === path);
  /** Answers calls of a path one after another; the last answer is repeated. */
  function answer(path: string, ...statuses: number[]): void {
    http.on(`POST ${path}`, (_request, response) => {
      answerJson(response, {}, statuses[Math.min(requestsTo(path).length, statuses.length) - 1]);
    });
  }

  it('says the same over every channel: escaped where that is needed, signed where there is a secret', async () => {
    answer('/all/hook', 204);
    answer('/all/slack', 200);
    const message = {
      title: 'R&D <ready>',
      body: 'Line 1\nLine 2\n\n*New* & <b>',
      link: 'https://example.com/?a=1&b=2',
    };
    const job = await notify({
      ...message,
      user: 'channels',
      data: { exportId: 17 },
      channels: [
        { type: 'inApp' },
        { type: 'email', to: 'Ada <ada-all@example.com>' },
        { type: 'webhook', url: `${http.url}/all/hook`, secret: SECRET },
        { type: 'slack', url: `${http.url}/all/slack` },
      ],
    });
    expect(job).toMatchObject({ status: 'completed', attempt: 1 });
    expect(job.output).toEqual({
      channels: [
        { type: 'inApp', status: 'sent', detail: expect.stringMatching(/^[0-9a-f-]{36}$/) },
        { type: 'email', status: 'sent', detail: expect.stringMatching(/^250 /) },
        { type: 'webhook', status: 'sent', detail: '204 No Content' },
        { type: 'slack', status: 'sent', detail: '200 OK' },
      ],
    });

    const [email] = await mail.waitForMail('ada-all@example.com');
    expect(email?.mail).toMatchObject({ subject: message.title, messageId: `<${job.id}-1@example.com>` });
    expect(email?.mail.html).toContain('<p>*New* &amp; &lt;b&gt;</p>');
    expect(email?.mail.html).toContain('href="https://example.com/?a=1&amp;b=2"');
    expect(email?.mail.text).toContain(`${message.body}\n\n${message.link}`);

    const [hook] = requestsTo('/all/hook');
    const headers = hook?.headers as Record<string, string>;
    expect(await verifyWebhook(hook?.body ?? '', headers, SECRET)).toEqual({
      type: 'user.notification',
      timestamp: expect.any(String),
      data: { id: job.id, user: 'channels', ...message, data: { exportId: 17 } },
    });
    expect(headers['webhook-id']).toBe(`${job.id}-2`);

    expect(JSON.parse(requestsTo('/all/slack')[0]?.body ?? '')).toEqual({
      text: 'R&amp;D &lt;ready&gt;',
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: '*R&amp;D &lt;ready&gt;*' } },
        { type: 'section', text: { type: 'mrkdwn', text: 'Line 1\nLine 2\n\n*New* &amp; &lt;b&gt;' } },
        { type: 'section', text: { type: 'mrkdwn', text: '<https://example.com/?a=1&amp;b=2>' } },
      ],
    });

    const { items } = await createClient({ url: program.url }).notifications.list({ user: 'channels' });
    const detail = (job.output as { channels: { detail: string }[] }).channels[0]?.detail;
    expect(items).toMatchObject([{ ...message, id: detail, jobId: job.id, data: { exportId: 17 }, readAt: null }]);
  });

  it('tries again only the channels that failed for now', async () => {
    answer('/again/good', 200);
    answer('/again/bad', 503, 500, 200);
    const job = await notify({
      user: 'again',
      channels: [
        { type: 'inApp' },
        { type: 'slack', url: `${http.url}/again/good` },
        { type: 'webhook', url: `${http.url}/again/bad` },
        { type: 'email', to: 'grey-again@example.com' },
      ],
    });
    expect(job).toMatchObject({ status: 'completed', attempt: 3 });
    expect(requestsTo('/again/good')).toHaveLength(1);
    const ids = requestsTo('/again/bad').map(({ headers }) => headers['webhook-id']);
    expect(ids).toEqual(Array(3).fill(`${job.id}-2`));
    expect(await mail.waitForMail('grey-again@example.com')).toHaveLength(1);
    const { items } = await createClient({ url: program.url }).notifications.list({ user: 'again' });
    expect(items).toHaveLength(1);
  });

  it('fails when a channel refuses for good, once the others are settled, and lists each of them', async () => {
    answer('/refused/gone', 404);
    answer('/refused/slow', 503, 200);
    const job = await notify({
      channels: [
        { type: 'webhook', url: `${http.url}/refused/gone` },
        { type: 'email', to: 'refused@example.com' },
        { type: 'slack', url: `${http.url}/refused/slow` },
        { type: 'inApp' },
      ],
    });
    expect(job).toMatchObject({ status: 'failed', reason: 'non_retryable', attempt: 2 });
    expect(job.error?.message).toMatch(
      /^webhook failed \(POST http:\/\/127\.0\.0\.1:\d+ answered 404 .*\); email failed \(.*550 5\.1\.1.*\); slack sent \(200 OK\); inApp sent \(.*\)$/,
    );
    expect(requestsTo('/refused/gone')).toHaveLength(1);
    expect(mail.asked.filter(({ address }) => address === 'refused@example.com')).toHaveLength(1);

    answer('/refused/gone', 200);
    await program.call(`/v1/jobs/${job.id}/retry`, { json: {} });
    const again = await program.jobEnded(job.id);
    expect(again).toMatchObject({ status: 'failed', attempt: 1 });
    expect(again.error?.message).toMatch(/^webhook sent/);
    expect(requestsTo('/refused/slow')).toHaveLength(2);
  });

  it('gives up after its attempts, with what has become of each channel', async () => {
    answer('/never', 503);
    const channels = [{ type: 'slack', url: `${http.url}/never` }, { type: 'inApp' }];
    const job = await notify({ channels }, { ...QUICKLY, attempts: 2 });
    expect(job).toMatchObject({ status: 'failed', reason: 'attempts_exhausted', attempt: 2 });
    expect(job.error?.message).toMatch(/^slack deferred \(.*503.*\); inApp sent/);
  });

  it.each<[string, object, string]>([
    ['no channel', { channels: [] }, 'input.channels'],
    ['inApp twice', { channels: [{ type: 'inApp' }, { type: 'inApp' }] }, 'input.channels'],
    ['an unknown channel', { channels: [{ type: 'fax', to: '1' }] }, 'input.channels.0.type'],
    [
      'a secret of another kind',
      { channels: [{ type: 'webhook', url: 'https://example.com', secret: 'x' }] },
      'input.channels.0.secret',
    ],
    ['a title of two lines', { title: 'a\nb', channels: [{ type: 'inApp' }] }, 'input.title'],
    ['a link that runs code', { link: 'javascript:alert(1)', channels: [{ type: 'inApp' }] }, 'input.link'],
  ])('refuses %s before anything is recorded', async (_, input, path) => {
    const json = { type: 'user:notification', input: { user: 'ada', title: 'Ready', ...input } };
    const { status, body } = await program.call<Problem>('/v1/jobs', { json });
    expect({ status, paths: body.errors?.map((error) => error.path) }).toEqual({ status: 422, paths: [path] });
  });

  describe('/v1/notifications', () => {
    const inApp = (user: string, title: string, tenant?: string) =>
      notify({ user, title, channels: [{ type: 'inApp' }] }, tenant === undefined ? {} : { tenant });

    it('lists newest first in pages, and leaves out what was read when asked to', async () => {
      for (const title of ['one', 'two', 'three']) await inApp('reader', title);
      await inApp('somebody else', 'four');
      const { notifications } = createClient({ url: program.url });
      const first = await notifications.list({ user: 'reader', limit: 2 });
      expect(first.items.map(({ title }) => title)).toEqual(['three', 'two']);
      const second = await notifications.list({ user: 'reader', limit: 2, cursor: first.nextCursor ?? '' });
      expect(second).toMatchObject({ items: [{ title: 'one' }], nextCursor: null });

      const [, two] = first.items;
      const read = await notifications.markRead(two?.id ?? '');
      expect(read).toMatchObject({ title: 'two', readAt: expect.any(String) });
      expect(await notifications.markRead(two?.id ?? '')).toEqual(read);
      const unread = () => notifications.list({ user: 'reader', unread: true });
      expect((await unread()).items.map(({ title }) => title)).toEqual(['three', 'one']);
      expect(await notifications.markAllRead({ user: 'reader' })).toEqual({ marked: 2 });
      expect(await notifications.markAllRead({ user: 'reader' })).toEqual({ marked: 0 });
      expect((await unread()).items).toEqual([]);
      expect((await notifications.list({ user: 'reader' })).items).toHaveLength(3);
    });

    it('keeps users of the same name in different tenants apart', async () => {
      await inApp('twin', 'of default');
      await inApp('twin', 'of acme', 'acme');
      const { notifications } = createClient({ url: program.url });
      const titles = async (tenant?: string) =>
        (await notifications.list({ user: 'twin', tenant })).items.map(({ title }) => title);
      expect([await titles(), await titles('acme'), await titles('other')]).toEqual([['of default'], ['of acme'], []]);
      expect(await notifications.markAllRead({ user: 'twin', tenant: 'acme' })).toEqual({ marked: 1 });
      expect((await notifications.list({ user: 'twin', unread: true })).items).toHaveLength(1);
    });

    it('refuses a list of nobody, other cursors, and what is not there', async () => {
      const paths = async (query: string) =>
        (await program.call<Problem>(`/v1/notifications${query}`)).body.errors?.map(({ path }) => path);
      expect(await paths('')).toEqual(['user']);
      expect(await paths('?user=')).toEqual(['user']);
      expect(await paths('?user=a&cursor=x')).toEqual(['cursor']);
      expect(await paths('?user=a&unread=yes')).toEqual(['unread']);
      for (const id of ['nothing', '01980000-0000-7000-8000-000000000001']) {
        const { status } = await program.call(`/v1/notifications/${id}/read`, { method: 'POST' });
        expect(status).toBe(404);
      }
    });
  });
});
