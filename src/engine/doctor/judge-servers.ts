import type { RedisFacts } from '../../queue/redis-diagnosis.ts';
import { formatBytes, formatDuration } from '../../shared/quantities.ts';
import type { ServerFacts } from '../../store/diagnosis.ts';
import type { MigrationFacts } from '../../store/migrate.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

const POSTGRES_MINIMUM = 140_000;
const REDIS_MINIMUM = [6, 2];
const CLOCK_LIMIT_MS = 5000;
const NEARLY_FULL = 0.9;

/** @param shown where it is, without its password */
export function judgePostgres(facts: ServerFacts, shown: string): Finding {
  if (facts.versionNumber < POSTGRES_MINIMUM) {
    return wrong('postgres', `PostgreSQL ${facts.version} is too old`, 'Update it to 14 or later.');
  }
  if (facts.isReadOnly) {
    const found = `PostgreSQL ${facts.version} at ${shown} takes no writes`;
    return wrong('postgres', found, 'It is a standby, or may only read: point DATABASE_URL at the primary.');
  }
  return ok('postgres', `PostgreSQL ${facts.version} at ${shown}`);
}

export function judgeMigrations({ known, missing, newer }: MigrationFacts): Finding {
  if (missing > 0) {
    const found = missing === known ? 'none has been applied' : `${missing} of ${known} are missing`;
    return wrong('migrations', found, 'Run: longshore admin migrate');
  }
  if (newer > 0) {
    const found = `all are applied, and ${newer} of a newer version too`;
    return note('migrations', found, 'Another process runs a newer version: update this one.');
  }
  return ok('migrations', known === 1 ? 'the only one is applied' : `all ${known} are applied`);
}

/** Two clocks, compared by a question and its answer. */
export interface ClockFacts {
  /** How far the database is ahead of this machine, as if the answer had come half way through the round trip. */
  offsetMs: number;
  /** Half the round trip: how wrong that can be. */
  uncertaintyMs: number;
}

export function judgeClock({ offsetMs, uncertaintyMs }: ClockFacts): Finding {
  const apartMs = Math.abs(offsetMs);
  if (apartMs - uncertaintyMs > CLOCK_LIMIT_MS) {
    const found = `this machine is ${formatDuration(apartMs)} ${offsetMs > 0 ? 'behind' : 'ahead of'} the database`;
    const advice = 'Let NTP set both. Receivers refuse webhooks, which are stamped here, when the clock is wrong.';
    return wrong('clock', found, advice);
  }
  if (apartMs + uncertaintyMs > CLOCK_LIMIT_MS) {
    const found = `the answer took ${formatDuration(2 * uncertaintyMs)}: too long to compare the clocks`;
    return note('clock', found, 'Look at the network to the database, and at its load.');
  }
  return ok('clock', `at most ${formatDuration(Math.ceil(apartMs + uncertaintyMs))} apart from the database`);
}

export function judgeRedis(facts: RedisFacts, shown: string): Finding {
  const name = `${facts.product}${facts.version === undefined ? '' : ` ${facts.version}`}`;
  if (facts.isLoading) {
    return note('redis', `${name} at ${shown} still loads its data`, 'Jobs wait until it is done; look again then.');
  }
  if (facts.isReplica) {
    const found = `${name} at ${shown} is a replica and takes no writes`;
    return wrong('redis', found, 'Point REDIS_URL at the primary.');
  }
  if (facts.version === undefined) {
    const found = `it answers at ${shown}, but does not tell its version`;
    return note('redis', found, 'Check with your provider that it is Redis 6.2 or later, or Valkey.');
  }
  if (isOlder(facts.version, REDIS_MINIMUM)) {
    return wrong('redis', `${name} is too old`, 'Update it to Redis 6.2 or later, or Valkey.');
  }
  return ok('redis', `${name} at ${shown}`);
}

/** @param holdsJobs whether the record says that BullMQ holds some */
export function judgeNoRedis(holdsJobs: boolean): Finding {
  if (!holdsJobs) return ok('redis', 'not used: PostgreSQL delivers the jobs');
  const found = 'REDIS_URL is not set here, but BullMQ holds jobs of this database';
  return note('redis', found, 'Run this with the same REDIS_URL and QUEUE_PREFIX as the program.');
}

export function judgeRedisMemory({ policy, usedBytes, maxBytes }: RedisFacts): Finding {
  if (policy === undefined) {
    const found = 'its maxmemory-policy is not told';
    return note('redis-memory', found, "Check in your provider's settings that it is noeviction.");
  }
  if (policy !== 'noeviction') {
    const found = `maxmemory-policy is ${policy}: when its memory is full, Redis throws deliveries away`;
    const advice =
      'Run: redis-cli CONFIG SET maxmemory-policy noeviction; set the same in redis.conf, or with your provider.';
    return wrong('redis-memory', found, advice);
  }
  if (usedBytes === undefined) return ok('redis-memory', 'noeviction');
  if (!maxBytes) return ok('redis-memory', `noeviction; ${formatBytes(usedBytes)} used, without a limit`);
  const found = `noeviction; ${formatBytes(usedBytes)} used of ${formatBytes(maxBytes)}`;
  if (usedBytes < NEARLY_FULL * maxBytes) return ok('redis-memory', found);
  const advice = 'When it is full, jobs wait in the record. Raise maxmemory, or see what else is kept there.';
  return note('redis-memory', found, advice);
}

export function judgeRedisPersistence({ isAppendOnly, hasSnapshots, failedWrite }: RedisFacts): Finding {
  if (failedWrite) {
    const found = `Redis could not write its ${failedWrite}, and may refuse every change (MISCONF)`;
    return wrong('redis-persistence', found, "See Redis's log; most often its disk is full.");
  }
  if (isAppendOnly) return ok('redis-persistence', 'an append-only file');
  if (hasSnapshots)
    return ok('redis-persistence', 'snapshots; what comes after the last one is made anew from the record');
  if (isAppendOnly === undefined || hasSnapshots === undefined) {
    const found = 'Redis does not tell whether it keeps its data';
    return note('redis-persistence', found, 'No job is lost without; after a restart they are handed over anew.');
  }
  const found = 'neither an append-only file nor snapshots: a restart empties the queues';
  const advice = 'No job is lost: they are handed over anew from the record. `appendonly yes` saves that work.';
  return note('redis-persistence', found, advice);
}

function isOlder(version: string, minimum: readonly number[]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minimumMajor = 0, minimumMinor = 0] = minimum;
  return major < minimumMajor || (major === minimumMajor && minor < minimumMinor);
}
