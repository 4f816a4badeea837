import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import { Installation, type Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const JOBS = 10_000;
const PADDING = 'x'.repeat(8000);
/** What the program, the client and the sockets between them may hold: a part of the 80 MB. */
const HELD_AT_MOST = 4000;

let installation: Installation;
let program: Program;
let database: pg.Client;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start({ MODE: 'api' });
  database = new pg.Client({ connectionString: installation.settings.DATABASE_URL });
  await database.connect();
});
afterAll(async () => {
  await database?.end();
  await installation?.remove();
});

it('reads no more of a stream while the database is slow, and all of it then', async () => {
  let made = 0;
  function* makeJobs() {
    for (; made < JOBS; made += 1) {
      yield { type: 'test:echo', input: { made, padding: PADDING }, options: { delayMs: 3_600_000 } };
    }
  }
  await database.query('begin');
  await database.query('lock table longshore.jobs in share mode');
  const answering = createClient({ url: program.url }).jobs.createFromStream(makeJobs());
  answering.catch(() => undefined); // awaited below
  let before = -1;
  const standsStill = () => {
    const isStill = made > 0 && made === before;
    before = made;
    return isStill;
  };
  await waitFor(standsStill, { describe: 'the sender is held up', intervalMs: 1000 });
  expect(made).toBeLessThan(HELD_AT_MOST);
  await database.query('rollback');
  expect(await answering).toMatchObject({ accepted: JOBS, rejectedTotal: 0 });
  const { rows } = await database.query('select count(*)::integer as count from longshore.jobs');
  expect(rows).toEqual([{ count: JOBS }]);
});
