import type { Request } from 'express';
import { WAIT_MAX_SECONDS } from '../contract/list.ts';

/**
 * Reads `Prefer: wait=N` (RFC 7240): seconds, at most {@link WAIT_MAX_SECONDS}. One that cannot be read is ignored, as the RFC asks.
 */
export function readWaitSeconds(request: Request): number | undefined {
  const match = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec(request.get('prefer') ?? '');
  return match ? Math.min(Number(match[1]), WAIT_MAX_SECONDS) : undefined;
}

/** What says that the wait was kept. */
export function waitApplied(seconds: number | undefined): Record<string, string> {
  return seconds === undefined ? {} : { 'Preference-Applied': `wait=${seconds}` };
}
