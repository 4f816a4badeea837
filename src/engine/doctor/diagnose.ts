import { inspectRedis, type RedisFacts } from '../../queue/redis-diagnosis.ts';
import { messageOf } from '../../shared/failure.ts';
import type { Database } from '../../store/database.ts';
import { createDiagnosisStore } from '../../store/diagnosis.ts';
import { compareMigrations } from '../../store/migrate.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { JITTER, RETRY_SCHEDULE_MS, TRY_TIMEOUT_MS } from '../webhooks.ts';
import { type Check, type Finding, note, wrong } from './finding.ts';
import { judgeDrift, judgeLeader, judgeWaiting, judgeWebhooks, judgeWorkers } from './judge-record.ts';
import {
  type ClockFacts,
  judgeClock,
  judgeMigrations,
  judgeNoRedis,
  judgePostgres,
  judgeRedis,
  judgeRedisMemory,
  judgeRedisPersistence,
} from './judge-servers.ts';
import { readDrift } from './read-drift.ts';

/** What is looked at. Addresses are shown without their passwords. */
export interface DiagnoseOptions {
  postgres: { database: Database; shown: string };
  redis: { url: string; prefix: string; shown: string } | undefined;
  log: Logger;
}

/** Facts, or why they could not be had. */
type Reading<Facts> = { facts: Facts } | { fault: string };

/** No server may hold the doctor for longer: that it does not answer is a finding. */
const LIMIT_MS = 10_000;
const DRIFT_LIMIT_MS = 120_000;
const CLOCK_SAMPLES = 3;
const MANY_TRIES = 3;
const REDIS_IS_AWAY = 'Redis does not answer';

/** Looks at everything that jobs depend on. Changes nothing, and needs no running program. */
export async function diagnose({ postgres, redis, log }: DiagnoseOptions): Promise<Finding[]> {
  const record = createDiagnosisStore(postgres.database);
  const [server, redisFacts] = await Promise.all([
    tryToRead(() => record.readServer()),
    redis && tryToRead(() => inspectRedis(redis.url)),
  ]);
  const ifUp = dependOn('fault' in server ? 'PostgreSQL does not answer' : undefined);
  const migrations = await ifUp(() => compareMigrations(postgres.database));
  const clock = await ifUp(() => measureClock(() => record.readClock()));

  const isBehind = 'facts' in migrations && migrations.facts.missing > 0;
  const ifRecorded = isBehind ? dependOn('migrations are missing') : ifUp;
  const work = await ifRecorded(() => record.readWork());
  const webhooks = await ifRecorded(() => record.readWebhooks(listLatestEnds(), MANY_TRIES));
  const leadership = await ifRecorded(() => record.readLeadership());
  const isRedisDown = redisFacts !== undefined && 'fault' in redisFacts;
  const ifComparable = isRedisDown ? dependOn(REDIS_IS_AWAY) : ifRecorded;
  const drift = await ifComparable(() => readDrift({ database: postgres.database, redis, log }), DRIFT_LIMIT_MS);
  const isLed = 'facts' in leadership && (leadership.facts.lease?.leftMs ?? 0) > 0;

  return [
    'facts' in server ? judgePostgres(server.facts, postgres.shown) : explainPostgres(server.fault, postgres.shown),
    conclude('migrations', migrations, judgeMigrations),
    conclude('clock', clock, judgeClock),
    ...(redis && redisFacts
      ? judgeRedisChecks(redisFacts, redis.shown)
      : [conclude('redis', await ifRecorded(() => record.hasHandedOver()), judgeNoRedis)]),
    conclude('drift', drift, (facts) => judgeDrift(facts, { isLed })),
    conclude('workers', work, judgeWorkers),
    conclude('waiting', work, judgeWaiting),
    conclude('webhooks', webhooks, judgeWebhooks),
    conclude('leader', leadership, judgeLeader),
  ];
}

function judgeRedisChecks(redis: Reading<RedisFacts>, shown: string): Finding[] {
  const details = 'facts' in redis ? redis : { fault: REDIS_IS_AWAY };
  return [
    'facts' in redis ? judgeRedis(redis.facts, shown) : explainRedis(redis.fault, shown),
    conclude('redis-memory', details, judgeRedisMemory),
    conclude('redis-persistence', details, judgeRedisPersistence),
  ];
}

function explainRedis(fault: string, shown: string): Finding {
  const advice = 'Jobs are still accepted, and run when it is back. Start it, or correct REDIS_URL.';
  return wrong('redis', `Redis at ${shown} does not answer: ${fault}`, advice);
}

function explainPostgres(fault: string, shown: string): Finding {
  const advice = 'Without it nothing is accepted and nothing runs. Start it, or correct DATABASE_URL.';
  return wrong('postgres', `PostgreSQL at ${shown}: ${fault}`, advice);
}

/** A check that could not be done is no fault, and no good news either. */
function conclude<Facts>(check: Check, reading: Reading<Facts>, judge: (facts: Facts) => Finding): Finding {
  if ('facts' in reading) return judge(reading.facts);
  return note(check, `not checked: ${reading.fault}`, 'Look again when that is mended.');
}

/** @param obstacle why nothing can be read, if so */
function dependOn(obstacle: string | undefined) {
  return async <Facts>(read: () => Promise<Facts>, limitMs = LIMIT_MS): Promise<Reading<Facts>> =>
    obstacle === undefined ? tryToRead(read, limitMs) : { fault: obstacle };
}

async function tryToRead<Facts>(read: () => Promise<Facts>, limitMs = LIMIT_MS): Promise<Reading<Facts>> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${limitMs / 1000} s`)), limitMs);
  try {
    return { facts: await Promise.race([read(), late]) };
  } catch (error) {
    return { fault: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** Asks several times and believes the answer that came fastest, as NTP does. */
async function measureClock(read: () => Promise<number>): Promise<ClockFacts> {
  let best: ClockFacts | undefined;
  for (let sample = 0; sample < CLOCK_SAMPLES; sample += 1) {
    const askedAtMs = Date.now();
    const startMs = performance.now();
    const databaseMs = await read();
    const uncertaintyMs = (performance.now() - startMs) / 2;
    if (best && best.uncertaintyMs <= uncertaintyMs) continue;
    best = { offsetMs: databaseMs - (askedAtMs + uncertaintyMs), uncertaintyMs };
  }
  return best as ClockFacts; // of at least one sample
}

/** By the number of tries before it: when a delivery was given up at the latest, after its creation. */
function listLatestEnds(): number[] {
  let endMs = 0;
  return RETRY_SCHEDULE_MS.map((waitMs) => {
    endMs += waitMs * (1 + JITTER) + TRY_TIMEOUT_MS;
    return endMs;
  });
}
