import type { Database } from './database.ts';

/** A call that must not have its effect twice. */
export interface IdempotentCall {
  /** Whose key it is; `*` for a caller that sees all tenants. */
  tenant: string;
  /** Method and path template. */
  route: string;
  key: string;
  requestHash: string;
}

/** The right to make a call. */
export interface Claim {
  /** What the call makes its ids from: the same each time that it is made. */
  seed: string;
  /** Whether it may have been made before, by somebody who did not live to tell the outcome. */
  isRepeated: boolean;
  /** Differs from claim to claim, so that whoever comes late cannot end the claim of another. */
  lock: string;
}

export interface StoredAnswer {
  statusCode: number;
  headers: Record<string, string>;
  /** JSON. */
  body: string;
}

export type ClaimResult =
  | ({ kind: 'new' } & Claim)
  | ({ kind: 'replay' } & StoredAnswer)
  | { kind: 'in_flight' }
  | { kind: 'other_body' };

/** How long an answer is kept. */
const KEEP_MS = 24 * 3_600_000;

/** Answers to calls with an Idempotency-Key (I8). */
export function createIdempotencyStore(database: Database) {
  return {
    /**
     * Takes the right to make a call, or tells what became of it.
     * @param seed a fresh UUIDv7, for a key that is new
     * @param lockMs after that a call without an outcome may be made again, with its first seed
     */
    async claim(call: IdempotentCall, seed: string, lockMs: number): Promise<ClaimResult> {
      const { tenant, route, key, requestHash } = call;
      for (;;) {
        const [claim] = await database.query<Claim>(CLAIM, [tenant, route, key, requestHash, seed, lockMs, KEEP_MS]);
        if (claim) return { kind: 'new', ...claim };
        const [row] = await database.query<KeyRow>(READ, [tenant, route, key, requestHash]);
        if (!row || row.isFree) continue; // released or unlocked between the two statements
        if (row.requestHash !== requestHash) return { kind: 'other_body' };
        if (row.statusCode === null) return { kind: 'in_flight' };
        return { kind: 'replay', statusCode: row.statusCode, headers: row.headers ?? {}, body: row.body ?? '' };
      }
    },

    /** Keeps the answer. The first one stays, also where a call that was taken for lost comes to its end after all. */
    async complete(call: IdempotentCall, claim: Claim, answer: StoredAnswer): Promise<void> {
      await database.query(
        `update longshore.idempotency_keys
         set status_code = $5, headers = $6, body = $7, locked_until = now()
         where tenant = $1 and route = $2 and key = $3 and seed = $4 and status_code is null`,
        [...idOf(call), claim.seed, answer.statusCode, JSON.stringify(answer.headers), answer.body],
      );
    },

    /** Forgets a call that had no effect: its key may be used for another body. */
    async release(call: IdempotentCall, claim: Claim): Promise<void> {
      await database.query(
        `delete from longshore.idempotency_keys
         where tenant = $1 and route = $2 and key = $3 and locked_until = $4::timestamptz and status_code is null`,
        [...idOf(call), claim.lock],
      );
    },

    /** Lets a call be made again at once, by the same body only: whether it had its effect is not known. */
    async unlock(call: IdempotentCall, claim: Claim): Promise<void> {
      await database.query(
        `update longshore.idempotency_keys
         set locked_until = now()
         where tenant = $1 and route = $2 and key = $3 and locked_until = $4::timestamptz and status_code is null`,
        [...idOf(call), claim.lock],
      );
    },

    /** Removes keys that were kept long enough. Walks `idempotency_keys_expires`. @returns how many */
    async removeExpired(limit: number): Promise<number> {
      const rows = await database.query(
        `with old as (
           select tenant, route, key
           from longshore.idempotency_keys
           where expires_at <= now() and locked_until <= now()
           order by expires_at
           limit $1
           for update skip locked
         )
         delete from longshore.idempotency_keys k
         using old
         where (k.tenant, k.route, k.key) = (old.tenant, old.route, old.key)
         returning k.key`,
        [limit],
      );
      return rows.length;
    },
  };
}

export type IdempotencyStore = ReturnType<typeof createIdempotencyStore>;

interface KeyRow {
  requestHash: string;
  statusCode: number | null;
  headers: Record<string, string> | null;
  body: string | null;
  isFree: boolean;
}

function idOf({ tenant, route, key }: IdempotentCall): string[] {
  return [tenant, route, key];
}

/** An outdated key, or a call of the same body whose claim is over without an outcome. */
const isFree = (requestHash: string) => `
  k.locked_until <= now() and (k.expires_at <= now() or (k.status_code is null and k.request_hash = ${requestHash}))`;

const CLAIM = `
  insert into longshore.idempotency_keys as k (tenant, route, key, request_hash, seed, locked_until, expires_at)
  values ($1, $2, $3, $4, $5, now() + $6 * interval '1 millisecond', now() + $7 * interval '1 millisecond')
  on conflict (tenant, route, key) do update
  set request_hash = excluded.request_hash,
    seed = case when k.expires_at <= now() then excluded.seed else k.seed end,
    expires_at = case when k.expires_at <= now() then excluded.expires_at else k.expires_at end,
    locked_until = excluded.locked_until,
    status_code = null,
    headers = null,
    body = null
  where ${isFree('excluded.request_hash')}
  returning k.seed, k.seed <> $5 as "isRepeated", k.locked_until::text as lock`;

const READ = `
  select k.request_hash as "requestHash", k.status_code as "statusCode", k.headers, k.body,
    ${isFree('$4')} as "isFree"
  from longshore.idempotency_keys k
  where k.tenant = $1 and k.route = $2 and k.key = $3`;
