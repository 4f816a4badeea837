import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { RequestRates } from '../../src/engine/request-rates.ts';
import { createRedisCounter } from '../../src/queue/redis-request-counter.ts';
import { createPostgresCounter, type RequestCounter } from '../../src/store/request-counter.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { findFreePort } from '../support/free-port.ts';
import { useHarnesses } from '../support/harness.ts';

const log = createLogger({ level: 'error', format: 'json', stream: new Writable({ write: (_c, _e, done) => done() }) });
const CALLS = 40;

describe('counts of requests', () => {
  const start = useHarnesses('postgres');
  const counters: RequestCounter[] = [];
  afterEach(() => {
    for (const counter of counters.splice(0)) counter.stop();
  });
  const keep = (counter: RequestCounter) => {
    counters.push(counter);
    return counter;
  };
  const openRedisCounter = async (prefix: string) => keep(await createRedisCounter(inject('redisUrl'), prefix, log));

  it.each(['postgres', 'redis'])('are one for all processes in %s, and begin anew with each second', async (home) => {
    const { database } = (await start([])).engine.store;
    const prefix = `t${randomUUID()}`;
    const open = () => (home === 'postgres' ? createPostgresCounter(database) : openRedisCounter(prefix));
    const [one, other] = [await open(), await open()];
    const first = await one.add('acme', 3);
    expect(first.total).toBe(3);
    expect(first.endsInMs).toBeGreaterThan(0);
    expect(first.endsInMs).toBeLessThanOrEqual(1000);
    expect((await one.add('other', 1)).total).toBe(1);
    // Unless the machine slept over the end of the second, the second process sees the calls of the first.
    const second = await other.add('acme', 2);
    expect([2, 5]).toContain(second.total);
    const totals: number[] = [];
    while (totals.length === 0 || (totals.at(-1) ?? 0) > 1) totals.push((await one.add('acme', 1)).total);
    expect(totals.at(-1)).toBe(1);
  });

  it('go on in the process alone while Redis is away', async () => {
    const url = `redis://127.0.0.1:${await findFreePort()}`;
    const rates = new RequestRates(async () => keep(await createRedisCounter(url, 'away', log)));
    await expectLimited(rates);
    await rates.stop();
  });

  it('go on in the process alone while PostgreSQL cannot count', async () => {
    const harness = await start([]);
    await harness.sql('drop table longshore.request_counts');
    const rates = new RequestRates(() => createPostgresCounter(harness.engine.store.database));
    await expectLimited(rates);
  });
});

/** A few of many calls are allowed; how few depends on how many seconds they take. */
async function expectLimited(rates: RequestRates): Promise<void> {
  const answers = await Promise.all(Array.from({ length: CALLS }, () => rates.take('acme', 5)));
  const allowed = answers.filter(({ isAllowed }) => isAllowed).length;
  expect(allowed).toBeGreaterThanOrEqual(5);
  expect(allowed).toBeLessThan(CALLS);
}
