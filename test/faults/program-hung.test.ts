import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { FairTurns } from '../../src/store/fair-turns.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createStore, type Store } from '../../src/store/store.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { makeNewJob } from '../support/new-job.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { waitFor } from '../support/wait-for.ts';

const JOBS = 40;
/** Together they are more than the buffers between a server and a program hold. */
const INPUT = 'x'.repeat(250_000);
const QUERY_TIMEOUT_MS = 2000;

describe('a program that hangs', () => {
  const log = createLogger({ level: 'error', format: 'json' });
  let server: TestDatabase;
  let proxy: TcpProxy;
  let hanging: Database;
  let well: Database;

  beforeEach(async () => {
    server = await createTestDatabase();
    await migrate(server.url, log);
    proxy = await TcpProxy.start(server.url);
    const open = (url: string) => openDatabase({ url, poolSize: 1, queryTimeoutMs: QUERY_TIMEOUT_MS, log });
    hanging = open(proxy.route(server.url));
    well = open(server.url);
    await createStore(well).jobs.insert(
      Array.from({ length: JOBS }, () => makeNewJob({ type: 'hung:job', queue: 'hung', input: INPUT })),
    );
    await createStore(hanging).ping(); // it is connected
  });
  afterEach(async () => {
    await proxy.stop();
    await Promise.all([hanging.close(), well.close()]);
    await server.drop();
  });

  const isBlocked = async () =>
    (
      await well.query(
        `select 1 from pg_stat_activity where wait_event = 'ClientWrite' and datname = current_database()`,
      )
    ).length > 0;
  const freed = (ask: () => Promise<unknown[]>) =>
    waitFor(async () => (await ask()).length === JOBS, { describe: 'what it had locked is free' });

  const takeAll = async (backlog: Store['backlog']) =>
    (await backlog.take('hung', { limit: JOBS, window: JOBS, turns: new FairTurns() })).jobs;
  const claimAll = async (claims: Store['claims']) => {
    const turns = new FairTurns();
    Object.assign(turns, { sole: 'default', isIdle: false }); // in the midst of work: it claims without a look before
    const request = { queue: 'hung', worker: 'w', types: ['hung:job'], limit: JOBS, turns };
    return (await claims.claim(request)).jobs;
  };

  // Other systems' TCP has no such time limit.
  it.skipIf(process.platform !== 'linux').each<[string, (store: Store) => Promise<unknown[]>]>([
    ['hands over', ({ backlog }) => takeAll(backlog)],
    ['runs', ({ claims }) => claimAll(claims)],
  ])('while it reads the jobs that it %s gives them back: another gets them', async (_what, take) => {
    proxy.deafen();
    const taken = take(createStore(hanging)).catch((error: unknown) => error);
    await waitFor(isBlocked, { describe: 'the server waits for it' });
    expect(await take(createStore(well))).toEqual([]); // locked
    await freed(() => take(createStore(well)));
    expect(await taken).toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('within a transaction gives back what it has locked', async () => {
    const locked = Promise.withResolvers<void>();
    const back = Promise.withResolvers<void>();
    const work = hanging.transaction(async ({ query }) => {
      await query('select id from longshore.jobs for update');
      locked.resolve();
      await back.promise;
      await query('select 1');
    });
    const failed = expect(work).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await locked.promise;
    expect(await well.query('select id from longshore.jobs for update skip locked')).toEqual([]);
    await freed(() => well.query('select id from longshore.jobs for update skip locked'));
    back.resolve();
    await failed;
  });
});
