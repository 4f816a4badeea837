import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assemble, heartbeatMsOf } from '../../src/assemble.ts';
import type { EnqueueRequest } from '../../src/contract/enqueue.ts';
import { enqueueJob } from '../../src/engine/enqueue.ts';
import { enqueueBulk } from '../../src/engine/enqueue-bulk.ts';
import { loadEnv } from '../../src/env.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { WorkerService } from '../../src/worker/worker-service.ts';
import { noop, observeRuns } from '../jobs/noop.ts';
import type { BenchJob, Contestant, ContestantSettings } from './contestant.ts';

const VERSION = '0.0.0-bench';
const CALLER = { scope: 'all', actor: 'test' } as const;
/** One job in so many has a webhook. */
const WEBHOOK_EVERY = 100;
const COUNT = 'select count(*)::int as jobs from longshore.jobs where finished_at is null';

/** Longshore as `main` starts it, without HTTP, and with its defaults except for the concurrency. */
export async function openLongshore(
  settings: ContestantSettings,
  transport: Record<string, string>,
): Promise<Contestant> {
  const log = createLogger({ level: 'warn', format: 'pretty', stream: process.stderr });
  const env = loadEnv(
    {
      DATABASE_URL: settings.databaseUrl,
      DATA_DIR: join(tmpdir(), 'longshore-bench-data'),
      OUTBOUND_ALLOW: '127.0.0.0/8',
      ...transport,
      ...settings.environment,
    },
    tmpdir(),
  );
  const program = await assemble({
    env,
    jobs: { definitions: [noop], queries: [], connectors: [], services: {} },
    version: VERSION,
    log,
  });
  await program.start();
  const { engine, services, isolation } = program;
  const webhook: EnqueueRequest['options'] = { webhook: { url: settings.webhookUrl, events: ['job.completed'] } };
  const toRequest = (job: BenchJob): EnqueueRequest => ({
    type: noop.type,
    input: job,
    options: job.n % WEBHOOK_EVERY === 0 ? webhook : {},
  });
  let worker: WorkerService | undefined;
  return {
    enqueue: (job) => enqueueJob(engine, CALLER, toRequest(job)),
    async enqueueMany(jobs) {
      const parts = jobs.map((job) => ({ ok: true, value: toRequest(job) }) as const);
      const { rejected } = await enqueueBulk(engine, CALLER, randomUUID(), parts);
      if (rejected.length > 0) throw new Error(`Longshore refused ${rejected.length} jobs`);
    },
    settle: () => engine.dispatcher.settled(),
    async startWorker({ concurrency, onRun }) {
      observeRuns((sentAtUs) => onRun({ sentAtUs }));
      worker = new WorkerService({
        engine,
        services,
        isolation,
        queues: [noop.queue.name],
        concurrencyOf: () => concurrency,
        leaseMs: env.lockDurationMs,
        heartbeatMs: heartbeatMsOf(env),
        shutdownTimeoutMs: env.shutdownTimeoutMs,
        version: VERSION,
      });
      await worker.start();
    },
    countFinished: async () => worker?.getStats().ended.completed ?? 0,
    countUnfinished: async () => (await engine.store.database.query<{ jobs: number }>(COUNT, []))[0]?.jobs ?? 0,
    async close() {
      await worker?.stop();
      await program.stop();
    },
  };
}
