/** What the doctor looks at, in the order in which it tells. */
export type Check =
  | 'postgres'
  | 'migrations'
  | 'clock'
  | 'redis'
  | 'redis-memory'
  | 'redis-persistence'
  | 'drift'
  | 'workers'
  | 'waiting'
  | 'webhooks'
  | 'leader';

export interface Finding {
  check: Check;
  /** `note`: worth knowing, or the check could not be done. `wrong`: jobs wait or get lost until somebody acts. */
  verdict: 'ok' | 'note' | 'wrong';
  /** One line. */
  found: string;
  /** What to do; null where all is in order. */
  advice: string | null;
}

export function ok(check: Check, found: string): Finding {
  return { check, verdict: 'ok', found, advice: null };
}

export function note(check: Check, found: string, advice: string): Finding {
  return { check, verdict: 'note', found, advice };
}

export function wrong(check: Check, found: string, advice: string): Finding {
  return { check, verdict: 'wrong', found, advice };
}
