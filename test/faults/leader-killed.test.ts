import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes } from '../support/notes.ts';
import { runSql } from '../support/postgres.ts';
import type { Installation, Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, LEADER_LEASE_MS } from './setup.ts';

/** What a busy machine may take beyond the promise. */
const MARGIN_MS = 5000;

interface Lease {
  holder: string;
  expiresAt: Date;
  isHeld: boolean;
}

async function readLease({ settings }: Installation): Promise<Lease | undefined> {
  const [lease] = await runSql<Lease>(
    settings.DATABASE_URL ?? '',
    `select holder, expires_at as "expiresAt", expires_at > now() as "isHeld" from longshore.leases where name = 'maintenance'`,
  );
  return lease;
}

const whenLed = (installation: Installation, describe: string, holds: (lease: Lease) => boolean) =>
  waitFor(
    async () => {
      const lease = await readLease(installation);
      return lease?.isHeld && holds(lease) ? lease : undefined;
    },
    { describe, timeoutMs: LEADER_LEASE_MS + MARGIN_MS },
  );

describe.each<TransportName>(['postgres', 'bullmq'])('the leader of maintenance, on the %s transport', (transport) => {
  it('is followed by another within its lease when it is killed: runs are rescued, jobs expire', async () => {
    const installation = await install({ transport });
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const apis = [await installation.start({ MODE: 'api' }), await installation.start({ MODE: 'api' })];
    const [api] = apis as [Program, Program];
    const doomed = await installation.start({ MODE: 'worker' });
    const job = await api.enqueue('test:gate', { path, note });
    await waitFor(() => countNotes(note, 'started') === 1, { describe: 'a job runs' });
    const other = await installation.start({ MODE: 'worker' });
    await api.call('/v1/queues/work/pause', { method: 'POST' });

    const { holder } = await whenLed(installation, 'a process leads', () => true);
    const leader = [...apis, doomed, other].find(({ pid }) => holder.includes(`-${pid}-`));
    expect(leader, `${holder} is one of them`).toBeDefined();
    const killedAt = performance.now();
    await Promise.all([leader?.stop('SIGKILL'), doomed.stop('SIGKILL')]);
    const left = apis.find((each) => each !== leader) ?? api;
    const late = await left.enqueue('test:work', { ms: 0, note }, { ttlMs: 1000 });
    await whenLed(installation, 'another process leads', (lease) => lease.holder !== holder);
    const tookMs = Math.round(performance.now() - killedAt);
    console.info(`${transport}: a killed leader was followed after ${tookMs} ms; its lease is ${LEADER_LEASE_MS} ms`);
    writeFileSync(path, '');
    expect(await left.jobEnded(job.id)).toMatchObject({ status: 'completed', attempt: 1 });
    expect(await left.outcomes(job.id)).toEqual(['worker_lost', 'completed']);
    expect(await left.jobEnded(late.id)).toMatchObject({ status: 'expired', attempt: 0 });
  });
});

describe('a leader that was stopped longer than its lease', () => {
  it('finds that another leads, and follows', async () => {
    const installation = await install();
    const old = await installation.start({ MODE: 'api' });
    const { holder } = await whenLed(installation, 'the first process leads', () => true);
    await installation.start({ MODE: 'api' });
    old.signal('SIGSTOP');
    const next = await whenLed(installation, 'another process leads', (lease) => lease.holder !== holder);
    old.signal('SIGCONT');
    const since = next.expiresAt.getTime();
    const renewed = await whenLed(
      installation,
      'it has renewed its lease',
      (lease) => lease.expiresAt.getTime() > since + 2 * LEADER_LEASE_MS,
    );
    expect(renewed.holder).toBe(next.holder);
    expect((await old.stop('SIGTERM')).code).toBe(0);
    expect((await readLease(installation))?.holder).toBe(next.holder); // its stop does not end the other's lease
  });
});
