import { describe, expect, it, onTestFinished } from 'vitest';
import type { AttemptResource, JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import { findFreePort } from '../support/free-port.ts';
import { type MailServer, startMailServer } from '../support/mail-server.ts';
import { runSql } from '../support/postgres.ts';
import type { Installation } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install } from './setup.ts';

const TEXT = { subject: 'Hello', text: 'Good day.' };
/** Long enough for whatever the test waits for meanwhile. */
const PATIENTLY = { attempts: 100, backoff: { type: 'fixed' as const, delayMs: 300 } };

/** A mail server that ends with the test. */
async function start(port: number): Promise<MailServer> {
  const server = await startMailServer({ port });
  onTestFinished(() => server.stop());
  return server;
}

async function installFor(port: number, query = ''): Promise<Installation> {
  return install({
    settings: {
      SMTP_URL: `smtp://127.0.0.1:${port}${query}`,
      EMAIL_FROM: 'shop@example.com',
      QUEUE_RATE_LIMIT_EMAIL: 'none',
      QUEUE_CONCURRENCY_EMAIL: '3',
    },
  });
}

function messageIdsTo({ received }: MailServer, address: string): (string | undefined)[] {
  return received.filter(({ to }) => to.includes(address)).map(({ mail }) => mail.messageId);
}

describe('a mail server', () => {
  it('that refuses connections for a while gets the e-mail when it is back', async () => {
    const port = await findFreePort();
    const program = await (await installFor(port)).start();
    const { id } = await program.enqueue('email:send', { ...TEXT, to: 'ada@example.com' }, PATIENTLY);
    const listAttempts = async () => (await program.call<Page<AttemptResource>>(`/v1/jobs/${id}/attempts`)).body.items;
    await waitFor(async () => (await listAttempts()).length >= 2, { describe: 'two attempts have failed' });
    for (const { error } of (await listAttempts()).slice(0, 2))
      expect(error?.message).toMatch(/could not be used .*ECONNREFUSED/);
    const server = await start(port);
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
    expect(messageIdsTo(server, 'ada@example.com')).toEqual([`<${id}@example.com>`]);
  });

  it('that restarts while nobody sends costs no attempt', async () => {
    const port = await findFreePort();
    const program = await (await installFor(port)).start();
    const before = await start(port);
    const first = await program.enqueue('email:send', { ...TEXT, to: 'ada@example.com' });
    expect(await program.jobEnded(first.id)).toMatchObject({ status: 'completed' });
    await before.stop();
    const after = await start(port);
    const second = await program.enqueue('email:send', { ...TEXT, to: 'ada@example.com' }, { attempts: 1 });
    expect(await program.jobEnded(second.id)).toMatchObject({ status: 'completed' });
    expect(messageIdsTo(after, 'ada@example.com')).toEqual([`<${second.id}@example.com>`]);
  });

  it('that restarts in the middle of a batch gets the rest, and again only what it had not confirmed', async () => {
    const port = await findFreePort();
    const installation = await installFor(port);
    const program = await installation.start();
    const before = await start(port);
    const names = Array.from({ length: 15 }, (_, index) => (index === 4 ? 'held' : 'reader') + index);
    const recipients = names.map((name) => ({ to: `${name}@example.com` }));
    const { id } = await program.enqueue('email:batch', { ...TEXT, recipients });
    const listJobs = async (status?: string) => {
      const filter = status === undefined ? '' : `&status=${status}`;
      return (await program.call<Page<JobResource>>(`/v1/jobs?parentId=${id}&limit=200${filter}`)).body.items;
    };
    await before.waitForMail('held4@example.com');
    await before.stop();
    await waitFor(async () => (await listJobs('retrying')).some(({ input }) => isTo(input, 'held4@example.com')), {
      describe: 'the e-mail that was not confirmed is to be sent again',
    });
    const after = await start(port);
    // As if the minute had passed after which they are tried again.
    const hurry = () =>
      runSql(
        installation.settings.DATABASE_URL ?? '',
        `update longshore.jobs set run_at = now() where status = 'retrying' and run_at > now()`,
      );
    const hasCompleted = async () => {
      await hurry();
      after.release(); // it does not know the message that was not confirmed
      return (await program.job(id)).status === 'completed';
    };
    await waitFor(hasCompleted, { describe: 'the batch has completed', timeoutMs: 30_000 });
    expect((await program.job(id)).output).toMatchObject({ total: 15, sent: 15, failed: 0 });
    for (const job of await listJobs()) {
      const { to } = job.input as { to: string };
      const [first, second] = [messageIdsTo(before, to), messageIdsTo(after, to)];
      const expected = `<${job.id}@example.com>`;
      if (to === 'held4@example.com') expect([first, second]).toEqual([[expected], [expected]]);
      // Others may have been taken, too, when the server ended before it said so.
      else expect([...first, ...second].every((messageId) => messageId === expected)).toBe(true);
      expect(first.length + second.length).toBeGreaterThan(0);
    }
  });

  it.each([
    ['stuck@example.com', 'stops reading the message', 1],
    ['held@example.com', 'takes the message and does not say so', 2],
  ])('is given up when it hangs in DATA, and the message is sent again: %s %s', async (to, _, times) => {
    const port = await findFreePort();
    const program = await (await installFor(port, '?socketTimeout=1000')).start();
    const server = await start(port);
    const { id } = await program.enqueue('email:send', { ...TEXT, to }, PATIENTLY);
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed' });
    const { items } = (await program.call<Page<AttemptResource>>(`/v1/jobs/${id}/attempts`)).body;
    expect(items[0]?.error?.message).toMatch(/could not be used \(ETIMEDOUT\)/);
    const messageIds = messageIdsTo(server, to);
    expect(messageIds.length).toBeGreaterThanOrEqual(times); // a busy machine may be late once more
    expect(new Set(messageIds)).toEqual(new Set([`<${id}@example.com>`]));
  });
});

function isTo(input: unknown, address: string): boolean {
  return (input as { to: string }).to === address;
}
