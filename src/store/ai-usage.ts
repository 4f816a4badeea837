import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';

export interface AiEstimate {
  tenant: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
  costMicros: number;
}

export interface AiDayLimits {
  /** 0: none. */
  tokensPerDay: number;
  costMicrosPerDay: number;
}

/** A tenant's day (UTC) by the clock of the database, before what is asked for. */
export interface AiDay {
  isGranted: boolean;
  /** `YYYY-MM-DD` */
  day: string;
  endsInMs: number;
  tokens: number;
  costMicros: number;
}

export interface AiUsageRow {
  tenant: string;
  day: string;
  model: string;
  calls: number;
  inputTokens: number;
  outputTokens: number;
  costMicros: number;
}

export interface AiUsageFilter {
  tenant?: string | undefined;
  /** Days, both included. */
  from?: string | undefined;
  to?: string | undefined;
}

/** Where a page ended. */
export type AiUsageCursor = Pick<AiUsageRow, 'day' | 'tenant' | 'model'>;

/** What AI calls used. Reservations are counted as used until they are settled, so nothing has to be found again after a crash. */
export function createAiUsageStore(database: Database) {
  return {
    /** Counts an estimate, unless the tenant's day would exceed a limit by it. */
    reserve(estimate: AiEstimate, limits: AiDayLimits): Promise<AiDay> {
      return database.transaction(async (transaction) => {
        // One at a time for each tenant: the sum is read by a statement of its own, after the lock.
        await transaction.query(`select pg_advisory_xact_lock(hashtext('longshore.ai_usage'), hashtext($1))`, [
          estimate.tenant,
        ]);
        const [today] = await transaction.query<Omit<AiDay, 'isGranted'>>(TODAY, [estimate.tenant]);
        if (!today) throw new Error('an aggregate without rows');
        const isGranted = fits(today, estimate, limits);
        if (isGranted) await add(transaction, today.day, estimate, 1);
        return { ...today, isGranted };
      });
    },

    /** Puts what a call used in place of its estimate. */
    async settle(day: string, { tenant, model, ...estimate }: AiEstimate, used: AiEstimate): Promise<void> {
      const difference = {
        tenant,
        model,
        inputTokens: used.inputTokens - estimate.inputTokens,
        outputTokens: used.outputTokens - estimate.outputTokens,
        costMicros: used.costMicros - estimate.costMicros,
      };
      await add(database, day, difference, 0);
    },

    /** Forgets a call. */
    async release(day: string, { tenant, model, ...estimate }: AiEstimate): Promise<void> {
      const { inputTokens, outputTokens, costMicros } = estimate;
      const difference = {
        tenant,
        model,
        inputTokens: -inputTokens,
        outputTokens: -outputTokens,
        costMicros: -costMicros,
      };
      await add(database, day, difference, -1);
    },

    /** Removes what was used on days so long ago. */
    async removeOld(days: number): Promise<void> {
      await database.query(
        `delete from longshore.ai_usage where day < (now() at time zone 'utc')::date - $1::integer`,
        [days],
      );
    },

    /** Newest day first. */
    list(
      scope: TenantScope,
      { tenant, from, to }: AiUsageFilter,
      limit: number,
      after: AiUsageCursor | undefined,
    ): Promise<AiUsageRow[]> {
      return database.query<AiUsageRow>(LIST, [
        tenantOf(scope),
        tenant ?? null,
        from ?? null,
        to ?? null,
        after?.day ?? null,
        after?.tenant ?? null,
        after?.model ?? null,
        limit,
      ]);
    },
  };
}

function fits(today: Omit<AiDay, 'isGranted'>, estimate: AiEstimate, limits: AiDayLimits): boolean {
  const tokens = today.tokens + estimate.inputTokens + estimate.outputTokens;
  const costMicros = today.costMicros + estimate.costMicros;
  return (
    (limits.tokensPerDay === 0 || tokens <= limits.tokensPerDay) &&
    (limits.costMicrosPerDay === 0 || costMicros <= limits.costMicrosPerDay)
  );
}

async function add(database: Database, day: string, change: AiEstimate, calls: number): Promise<void> {
  const { tenant, model, inputTokens, outputTokens, costMicros } = change;
  await database.query(
    `insert into longshore.ai_usage as u (tenant, day, model, calls, input_tokens, output_tokens, cost_micros)
     values ($1, $2::date, $3, $4, $5, $6, $7)
     on conflict (tenant, day, model) do update
     set calls = u.calls + excluded.calls,
       input_tokens = u.input_tokens + excluded.input_tokens,
       output_tokens = u.output_tokens + excluded.output_tokens,
       cost_micros = u.cost_micros + excluded.cost_micros`,
    [tenant, day, model, calls, inputTokens, outputTokens, costMicros],
  );
}

const TODAY = `
  select to_char(t.day, 'YYYY-MM-DD') as day,
    ceil(extract(epoch from (t.day + 1)::timestamp at time zone 'utc' - now()) * 1000)::bigint as "endsInMs",
    coalesce(sum(u.input_tokens + u.output_tokens), 0)::bigint as tokens,
    coalesce(sum(u.cost_micros), 0)::bigint as "costMicros"
  from (select (now() at time zone 'utc')::date as day) t
  left join longshore.ai_usage u on u.tenant = $1 and u.day = t.day
  group by t.day`;

const LIST = `
  select u.tenant, to_char(u.day, 'YYYY-MM-DD') as day, u.model, u.calls, u.input_tokens as "inputTokens",
    u.output_tokens as "outputTokens", u.cost_micros as "costMicros"
  from longshore.ai_usage u
  where ($1::text is null or u.tenant = $1)
    and ($2::text is null or u.tenant = $2)
    and ($3::date is null or u.day >= $3)
    and ($4::date is null or u.day <= $4)
    and ($5::date is null or (u.day, u.tenant, u.model) < ($5, $6, $7))
  order by u.day desc, u.tenant desc, u.model desc
  limit $8`;
