import { afterEach, describe, expect, it } from 'vitest';
import { Leadership } from '../../src/engine/upkeep/leadership.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const LEASE_MS = 1500;

describe('the lead of the upkeep', () => {
  const start = useHarnesses('postgres');
  const candidates: Leadership[] = [];
  afterEach(async () => {
    for (const candidate of candidates.splice(0)) await candidate.stop();
  });

  function stand(
    harness: Harness,
    holder: string,
    leaseMs = LEASE_MS,
  ): { leadership: Leadership; gains: () => number } {
    let gains = 0;
    const leadership = new Leadership({
      store: harness.engine.store,
      name: 'a test',
      holder,
      leaseMs,
      onGained: () => {
        gains += 1;
      },
      log: harness.engine.log,
    });
    candidates.push(leadership);
    leadership.start();
    return { leadership, gains: () => gains };
  }

  it('has one holder, and goes to another when that one stops', async () => {
    const harness = await start([]);
    const all = ['a', 'b', 'c'].map((holder) => stand(harness, holder, 9000)); // none lapses
    const leaders = () => all.filter(({ leadership }) => leadership.isLeader);
    await waitFor(() => leaders().length === 1, { describe: 'one leads' });
    const [first] = leaders();
    await first?.leadership.stop();
    await waitFor(() => leaders().length === 1 && leaders()[0] !== first, { describe: 'another leads' });
    expect(all.map(({ gains }) => gains()).sort()).toEqual([0, 1, 1]);
  });

  it('goes to another when its holder is gone without a word, after the lease', async () => {
    const harness = await start([]);
    await harness.engine.store.leases.acquire('a test', 'dead', LEASE_MS);
    const { leadership } = stand(harness, 'alive');
    expect(leadership.isLeader).toBe(false);
    await waitFor(() => leadership.isLeader, { describe: 'it leads' });
    const [row] = await harness.sql<{ holder: string }>(`select holder from longshore.leases where name = 'a test'`);
    expect(row).toEqual({ holder: 'alive' });
  });

  it('ends for a holder that the database does not answer, and counts as unsteady afterwards', async () => {
    const harness = await start([]);
    const startedAtMs = performance.now();
    const awakeMs = () => performance.now() - startedAtMs;
    const { leadership } = stand(harness, 'a');
    await waitFor(() => leadership.isLeader, { describe: 'it leads' });
    await harness.sql('alter table longshore.leases rename to leases_away');
    await waitFor(() => !leadership.isLeader, { describe: 'its lease is over' });
    await harness.sql('alter table longshore.leases_away rename to leases');
    await waitFor(() => leadership.isLeader, { describe: 'it leads again' });
    expect(leadership.steadyMs).toBeLessThan(awakeMs() - LEASE_MS / 2);
  });
});
