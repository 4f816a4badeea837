import { Redis } from 'ioredis';
import { messageOf } from '../shared/failure.ts';
import { tryOnce } from './redis.ts';

/** What Redis tells of itself. Where INFO or CONFIG are forbidden (managed services) something is undefined. */
export interface RedisFacts {
  product: 'Redis' | 'Valkey';
  version: string | undefined;
  /** It copies another one, so it takes no writes. */
  isReplica: boolean;
  isLoading: boolean;
  /** `maxmemory-policy` */
  policy: string | undefined;
  usedBytes: number | undefined;
  /** `maxmemory`; 0 where there is no limit. */
  maxBytes: number | undefined;
  isAppendOnly: boolean | undefined;
  hasSnapshots: boolean | undefined;
  /** What Redis could not write to its disk, if so. */
  failedWrite: 'append-only file' | 'snapshot' | undefined;
}

const TIMEOUT_MS = 5000;

/**
 * Asks Redis once, on a connection of its own.
 * @throws an Error whose message says why Redis does not answer
 */
export async function inspectRedis(url: string): Promise<RedisFacts> {
  const redis = new Redis(url, {
    ...tryOnce(TIMEOUT_MS),
    lazyConnect: true,
    enableReadyCheck: false, // one that still loads its data answers INFO already
  });
  let fault: string | undefined;
  redis.on('error', (error) => {
    fault ??= messageOf(error);
  });
  try {
    await redis.connect();
    const info = parseInfo(await allowRefusal(redis.info()));
    if (info.loading !== '1') await redis.ping(); // says whether the password is right, where INFO is forbidden
    const policy = await readConfig(redis, 'maxmemory-policy');
    return readFacts(info, policy, await readConfig(redis, 'save'));
  } catch (error) {
    throw new Error(fault ?? messageOf(error), { cause: error });
  } finally {
    redis.disconnect();
  }
}

/** @param info the fields of INFO · @param policy, save what CONFIG GET told, if anything. Pure. */
export function readFacts(
  info: Record<string, string>,
  policy: string | undefined,
  save: string | undefined,
): RedisFacts {
  const hasSnapshots = save === undefined ? undefined : save !== '';
  const isAppendOnly = info.aof_enabled === undefined ? undefined : info.aof_enabled === '1';
  return {
    product: info.valkey_version === undefined ? 'Redis' : 'Valkey',
    version: info.valkey_version ?? info.redis_version,
    isReplica: info.role === 'slave',
    isLoading: info.loading === '1',
    policy: policy ?? info.maxmemory_policy,
    usedBytes: toNumber(info.used_memory),
    maxBytes: toNumber(info.maxmemory),
    isAppendOnly,
    hasSnapshots,
    failedWrite:
      isAppendOnly && info.aof_last_write_status === 'err'
        ? 'append-only file'
        : hasSnapshots && info.rdb_last_bgsave_status === 'err'
          ? 'snapshot'
          : undefined,
  };
}

/** The answer of INFO as fields; none where it was refused. */
function parseInfo(text: string | undefined): Record<string, string> {
  const fields = (text ?? '').matchAll(/^(\w+):(.*?)\r?$/gm);
  return Object.fromEntries([...fields].map(([, name, value]) => [name, value]));
}

async function readConfig(redis: Redis, name: string): Promise<string | undefined> {
  const answer = await allowRefusal(redis.config('GET', name));
  return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : undefined;
}

/** @returns undefined where Redis refuses the command: managed services forbid some, or rename them */
async function allowRefusal<Answer>(command: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await command;
  } catch (error) {
    if (error instanceof Error && /^(NOPERM|ERR)\b/.test(error.message)) return undefined;
    throw error;
  }
}

function toNumber(text: string | undefined): number | undefined {
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
}
