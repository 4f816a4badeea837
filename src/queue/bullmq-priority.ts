import type { Redis } from 'ioredis';
import type { JobRow } from '../store/job-row.ts';
import { deliveryIdOf } from './bullmq-jobs.ts';

/**
 * BullMQ serves `wait` before every prioritized job, so nothing can be more urgent than a plain job there. This moves a
 * job of positive priority forward in `wait`: behind those of the same or a higher priority, before all others.
 * The list is served from its right end. A worker that has taken the job meanwhile wins: then there is nothing to move.
 */
const MOVE_FORWARD = `
  local wait, id, priority = KEYS[1], ARGV[1], tonumber(ARGV[2])
  if redis.call('LREM', wait, 1, id) == 0 then return 0 end
  local index = -1
  while true do
    local other = redis.call('LINDEX', wait, index)
    if not other then
      redis.call('LPUSH', wait, id)
      return 1
    end
    local opts = redis.call('HGET', ARGV[3] .. other, 'opts')
    local theirs = opts and cjson.decode(opts)['longshore']
    if not theirs or tonumber(theirs['p']) < priority then
      redis.call('LINSERT', wait, 'AFTER', other, id)
      return 1
    end
    index = index - 1
  end`;

/** @param prefix `<QUEUE_PREFIX>:<queue>:` */
export async function moveForward(redis: Redis, prefix: string, jobs: readonly JobRow[]): Promise<void> {
  for (const job of jobs) {
    if (job.priority <= 0) continue;
    await redis.eval(MOVE_FORWARD, 1, `${prefix}wait`, deliveryIdOf(job), String(job.priority), prefix);
  }
}
