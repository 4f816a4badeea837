import { describe, expect, it, onTestFinished } from 'vitest';
import { createClient } from '../../src/client.ts';
import type { BulkLine } from '../../src/contract/bulk.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { waitFor } from '../support/wait-for.ts';
import { install } from './setup.ts';

const JOBS = 4000;
/** So many are surely recorded when the program is killed, and the last ones surely are not. */
const BEFORE = 1000;
const SENT_AT_MOST = 3000;

function* makeJobs(): Generator<BulkLine> {
  for (let n = 0; n < JOBS; n += 1) yield { type: 'test:echo', input: n };
}

/** The same, which stops before the end until it is aborted. */
async function* makeJobsUntil(signal: AbortSignal): AsyncGenerator<BulkLine> {
  let made = 0;
  for (const job of makeJobs()) {
    if (made === SENT_AT_MOST) await new Promise((_, reject) => signal.addEventListener('abort', reject));
    made += 1;
    yield job;
  }
}

describe.each<TransportName>(['postgres', 'bullmq'])(
  'kill -9 of the API within a stream, on the %s transport',
  (transport) => {
    it('keeps what was committed, and a repeat with the same key makes each job of it once', async () => {
      const installation = await install({ transport });
      const database = open(installation.settings.DATABASE_URL ?? '');
      const doomed = await installation.start({ MODE: 'api' });
      const { id: batchId } = await createClient({ url: doomed.url }).batches.create({ name: 'stream' });
      const call = { idempotencyKey: 'stream', batchId };
      const stopping = new AbortController();
      const broken = createClient({ url: doomed.url }).jobs.createFromStream(makeJobsUntil(stopping.signal), call);
      const fault = broken.then(
        () => undefined,
        (error: unknown) => error,
      );
      const countJobs = async () => {
        const [row] = await database.query<{ count: number }>('select count(*)::integer as count from longshore.jobs');
        return row?.count ?? 0;
      };
      await waitFor(async () => (await countJobs()) >= BEFORE, { describe: `${BEFORE} jobs are recorded` });
      await doomed.stop('SIGKILL');
      stopping.abort();
      expect(await fault).toMatchObject({ name: 'ServerUnreachableError' });
      const kept = await countJobs();
      expect(kept).toBeGreaterThanOrEqual(BEFORE);
      expect(kept).toBeLessThan(JOBS);

      const program = await installation.start();
      await database.query('update longshore.idempotency_keys set locked_until = now()'); // the claim of the killed one is over
      const client = createClient({ url: program.url });
      const answer = await client.jobs.createFromStream(makeJobs(), call);
      expect(answer).toMatchObject({ accepted: JOBS, rejectedTotal: 0, deduplicated: [] });
      expect(new Set(answer.ids).size).toBe(JOBS);
      expect(await countJobs()).toBe(JOBS);
      await client.batches.close(batchId);
      const { counts } = await client.batches.wait(batchId);
      expect(counts).toMatchObject({ total: JOBS, completed: JOBS });
      const [row] = await database.query<{ inputs: number }>(
        'select count(distinct input)::integer as inputs from longshore.jobs where batch_id = $1',
        [batchId],
      );
      expect(row?.inputs).toBe(JOBS);
    });
  },
);

function open(url: string): Database {
  const database = openDatabase({ url, poolSize: 1, log: createLogger({ level: 'error', format: 'json' }) });
  onTestFinished(() => database.close());
  return database;
}
