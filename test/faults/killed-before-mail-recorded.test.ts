import { describe, expect, it, onTestFinished } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import type { Installation, Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, startProxy } from './setup.ts';

const TEXT = { subject: 'Hello', text: 'Good day.' };

describe.each<TransportName>(['postgres', 'bullmq'])(
  "kill -9 between a mail server's acceptance of a message and the record of it, on the %s transport",
  (transport) => {
    async function begin(): Promise<{ server: MailServer; installation: Installation; api: Program }> {
      const server = await startMailServer();
      onTestFinished(() => server.stop());
      const installation = await install({
        transport,
        settings: {
          SMTP_URL: `smtp://127.0.0.1:${server.port}`,
          EMAIL_FROM: 'shop@example.com',
          QUEUE_RATE_LIMIT_EMAIL: 'none',
          QUEUE_CONCURRENCY_EMAIL: '2',
          LOCK_DURATION_MS: '8000', // a run is not lost before it is killed, however busy the machine
        },
      });
      return { server, installation, api: await installation.start({ MODE: 'api' }) };
    }

    it.each(['before', 'after'])('sends it again under its Message-ID when killed %s the reply', async (when) => {
      const { server, installation, api } = await begin();
      const database = await startProxy(installation.settings.DATABASE_URL);
      const doomed = await installation.start({
        MODE: 'worker',
        DATABASE_URL: database.route(installation.settings.DATABASE_URL ?? ''),
      });
      const to = ['held@example.com', 'ada@example.com'];
      const { id } = await api.enqueue('email:send', { ...TEXT, to });
      const messageId = `<${id}@example.com>`;
      await server.waitForMail('held@example.com');
      if (when === 'after') {
        database.stall();
        server.release();
        await doomed.waitForOutput(new RegExp(`sent ${messageId} to 2 recipients`));
      }
      expect(await doomed.stop('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
      expect(await api.job(id)).toMatchObject({ status: 'processing' });

      await installation.start({ MODE: 'worker' });
      expect(await api.jobEnded(id, 30_000)).toMatchObject({
        status: 'completed',
        attempt: 1,
        output: { messageId, accepted: to, rejected: [] },
      });
      expect(await api.outcomes(id)).toEqual(['worker_lost', 'completed']);
      expect(server.received.map((received) => [received.to, received.mail.messageId])).toEqual([
        [to, messageId],
        [to, messageId],
      ]);
    });

    it('sends each other e-mail of a batch exactly once, and leaves nobody out', async () => {
      const { server, installation, api } = await begin();
      const doomed = await installation.start({ MODE: 'worker' });
      const names = Array.from({ length: 12 }, (_, index) => (index === 3 || index === 5 ? 'held' : 'reader') + index);
      const recipients = names.map((name) => ({ to: `${name}@example.com` }));
      const { id } = await api.enqueue('email:batch', { ...TEXT, recipients });
      const listJobs = async () =>
        (await api.call<Page<JobResource>>(`/v1/jobs?parentId=${id}&limit=200`)).body.items.toReversed();
      // Both places are taken by those that wait for a reply, and the ends of all others are recorded.
      await waitFor(
        async () => {
          const completed = (await listJobs()).filter(({ status }) => status === 'completed');
          const isHeld = ['held3@example.com', 'held5@example.com'].every((address) => countOf(server, address) === 1);
          return isHeld && completed.length === server.received.length - 2;
        },
        { describe: 'nothing is under way but what waits for a reply', timeoutMs: 30_000 },
      );
      expect(server.received.length).toBeLessThan(names.length);
      await doomed.stop('SIGKILL');

      await installation.start({ MODE: 'worker' });
      expect(await api.jobEnded(id, 30_000)).toMatchObject({
        status: 'completed',
        output: { total: 12, sent: 12, failed: 0 },
      });
      const jobs = await listJobs();
      expect(jobs).toHaveLength(12);
      for (const job of jobs) {
        const { to } = job.input as { to: string };
        const times = to.startsWith('held') ? 2 : 1;
        const mails = server.received.filter((received) => received.to.includes(to));
        expect(mails.map(({ mail }) => mail.messageId)).toEqual(Array(times).fill(`<${job.id}@example.com>`));
        expect(job).toMatchObject({ status: 'completed', attempt: 1 });
      }
    });
  },
);

function countOf({ received }: MailServer, address: string): number {
  return received.filter(({ to }) => to.includes(address)).length;
}
