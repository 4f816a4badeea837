import { jobColumns } from './job-row.ts';

/** What waits to be taken: the predicate of `jobs_backlog`. */
export function isInBacklog(alias: string): string {
  return `${alias}.status = 'queued' and ${alias}.dispatched_at is null and ${alias}.gate is null`;
}

/** What counts against the limit of a tenant: the predicate of `jobs_in_flight`. */
export function isInFlight(alias: string): string {
  return `(${alias}.status = 'processing' or (${alias}.status = 'queued' and ${alias}.dispatched_at is not null))`;
}

/** What one transport takes jobs with. Its own parameters begin with $3, after the queue ($1) and how many jobs ($2). */
export interface TakeParts {
  /** How many parameters are its own. */
  parameters: number;
  /** Whether anything may be taken now: a condition. */
  isOpen?: string;
  /** How many jobs there is room for: a scalar expression. Default: as many as are asked for; then there are the statements that save work. */
  room?: string;
  /** Which jobs can be taken beside that they are in the backlog: conditions on `j`, each with its "and". */
  filter: string;
  /** What becomes of those that are taken: the rest of "update … set", of `j`. */
  set: string;
  /** More to write in the same statement, as table expressions over `taken`; then there is no statement for a tenant alone. */
  also?: string;
}

/** The statements of a transport, see `takeFairly`. */
export interface TakeStatements {
  /** Undefined where it is not worth having, as the next two. */
  glance: string | undefined;
  quick: string | undefined;
  sole: string | undefined;
  fair: string;
  limited: string;
}

export function createTakeStatements(parts: TakeParts): TakeStatements {
  const isAsked = parts.room === undefined;
  const isPlain = parts.also === undefined;
  return {
    glance: isAsked ? GLANCE : undefined,
    quick: isAsked && isPlain ? quickTake(parts) : undefined,
    sole: isPlain ? soleTake(parts) : undefined,
    fair: fairTake(parts),
    limited: limitedTake(parts),
  };
}

/** The first tenant that has jobs in a queue, if any: a sixth of the price of a claim. */
const GLANCE = `
  select j.tenant
  from longshore.jobs j
  where j.queue = $1 and ${isInBacklog('j')}
  order by j.tenant
  limit 1`;

/** So many tenants are looked at at once, or as many as there is room for: weights hold among them. */
const TENANTS_PER_LOOK = 64;

// Each mention of the table costs a planner that has to look at all of its indexes as much as running it: hence one for both sides.
function isAlone(tenant: string): string {
  return `not exists (select from longshore.tenants where name = ${tenant} and max_running is not null)
        and not exists (
          select
          from (values (''), (${tenant}::text)) way(after)
          cross join lateral (
            select o.tenant
            from longshore.jobs o
            where o.queue = $1 and ${isInBacklog('o')} and o.tenant > way.after
            order by o.tenant
            limit 1
          ) next
          where next.tenant <> ${tenant})`;
}

/**
 * Takes jobs of one tenant, if no other has any and it has no limit: most queues are like that. Parameters after the transport's
 * own: the tenant. Where nothing is taken, it does not say why.
 */
function quickTake({ parameters, isOpen = 'true', filter, set }: TakeParts): string {
  const tenant = `$${parameters + 3}`;
  return `
  with due as (
    select j.id
    from longshore.jobs j
    where j.queue = $1 and ${isInBacklog('j')} and j.tenant = ${tenant}
      ${filter}
      and ${isOpen}
      and ${isAlone(tenant)}
    order by -j.priority, j.run_at, j.id
    limit $2
    for update skip locked
  )
  update longshore.jobs j
  set ${set}
  from due
  where j.id = due.id
  returning ${jobColumns('j')}`;
}

/** The same, but it says how many jobs there was room for, in a row at least; none where the tenant is not alone. */
function soleTake(parts: TakeParts): string {
  const { parameters, filter, set } = parts;
  const tenant = `$${parameters + 3}`;
  return `
  with room as materialized (
    select ${roomOf(parts)} as size where ${isAlone(tenant)}
  ),
  due as (
    select j.id
    from longshore.jobs j
    where j.queue = $1 and ${isInBacklog('j')} and j.tenant = ${tenant}
      ${filter}
      and (select size from room) > 0
    order by -j.priority, j.run_at, j.id
    limit (select size from room)
    for update skip locked
  ),
  few as (
    select id from due limit $2
  ),
  taken as (
    update longshore.jobs j
    set ${set}
    from few
    where j.id = few.id
    returning ${jobColumns('j')}
  )
  select room.size as room, taken.* from room left join taken on true`;
}

function roomOf({ isOpen = 'true', room = '$2::integer' }: TakeParts): string {
  return `case when ${isOpen} then ${room} else 0 end`;
}

/**
 * Takes jobs of a queue by the weights of their tenants. Parameters after the transport's own: after which tenant to begin, tenants and
 * how far they are ahead, tenants to pass over.
 *
 * `found` skips through `jobs_backlog` from tenant to tenant, so the length of a tenant's backlog costs nothing; it goes round, and no
 * further than TENANTS_PER_LOOK or the room, so neither does the number of tenants. `turns` deals the room out by virtual finishing
 * times before any job is touched: no more is locked than is taken, so that those who take at the same time find the others.
 */
function fairTake(parts: TakeParts): string {
  const { parameters, filter, set, also } = parts;
  const [after, tenants, ahead, served] = [3, 4, 5, 6].map((place) => `$${parameters + place}`);
  const nextTenant = (than: string) => `
      select j.tenant
      from longshore.jobs j
      where j.queue = $1 and ${isInBacklog('j')} and j.tenant > ${than}
      order by j.tenant
      limit 1`;
  return `
  with recursive room as materialized (
    select size, greatest(size, ${TENANTS_PER_LOOK}) as sight
    from (select ${roomOf(parts)} as size) room
    where size > 0
  ),
  found as (
    select way.is_round, next.tenant, 1 as number
    from room
    cross join (values (false, ${after}::text), (true, '')) way(is_round, after)
    cross join lateral (${nextTenant('way.after')}
    ) next
    where not way.is_round or next.tenant <= ${after}
    union all
    select found.is_round, next.tenant, found.number + 1
    from found
    cross join lateral (${nextTenant('found.tenant')}
    ) next
    where found.number < (select sight from room) + cardinality(${served}::text[])
      and (not found.is_round or next.tenant <= ${after})
  ),
  heads as (
    select found.is_round, found.tenant, coalesce(t.weight, 1)::float8 as weight, t.max_running is not null as is_limited,
      coalesce(given.ahead, 0) as ahead
    from found
    left join longshore.tenants t on t.name = found.tenant
    left join unnest(${tenants}::text[], ${ahead}::float8[]) as given(tenant, ahead) on given.tenant = found.tenant
    where found.tenant <> all(${served})
    order by found.is_round, found.tenant
    limit (select sight from room)
  ),
  turns as (
    select h.tenant, row_number() over (order by h.ahead + n / h.weight, h.is_round, h.tenant) as place
    from (
      select heads.*,
        least(room.size, ceil(room.size * weight / sum(weight) over () + (max(ahead) over () - ahead) * weight))::integer as most
      from heads
      cross join room
    ) h
    cross join lateral generate_series(1, h.most) n
  ),
  shares as materialized (
    select heads.*, coalesce(dealt.size, 0) as size
    from heads
    left join (
      select tenant, count(*)::integer as size from turns where place <= (select size from room) group by tenant
    ) dealt on dealt.tenant = heads.tenant
  ),
  ${takeOf('shares', { filter, set, also })}
  select s.tenant as "shareOf", s.weight, s.size, s.is_limited as "isLimited",
    (select count(*) from heads) = (select sight from room) as "isCut", taken.*
  from shares s
  left join taken on taken.tenant = s.tenant
  order by s.is_round, s.tenant`;
}

/**
 * Takes jobs of tenants with a limit, whose locks are held: no more than they have places for. Parameters after the transport's own:
 * the tenants, and what each may have. Counts on `jobs_in_flight`.
 */
function limitedTake({ parameters, filter, set, also }: TakeParts): string {
  const [tenants, sizes] = [3, 4].map((place) => `$${parameters + place}`);
  return `
  with free as materialized (
    select given.tenant, false as is_limited,
      case when t.max_running is null then given.size else least(given.size, greatest(0, t.max_running - flight.size)) end as size
    from unnest(${tenants}::text[], ${sizes}::integer[]) as given(tenant, size)
    left join longshore.tenants t on t.name = given.tenant
    cross join lateral (
      select count(*)::integer as size
      from (select 1 from longshore.jobs j
            where j.tenant = given.tenant and ${isInFlight('j')}
            limit coalesce(t.max_running, 0)) counted
    ) flight
  ),
  ${takeOf('free', { filter, set, also })}
  select * from taken`;
}

// The limit of all tells the planner, which knows nothing of shares, that they are few.
function takeOf(shares: string, { filter, set, also }: Pick<TakeParts, 'filter' | 'set' | 'also'>): string {
  return `due as (
    select picked.id
    from ${shares} s
    cross join lateral (
      select j.id
      from longshore.jobs j
      where j.queue = $1 and ${isInBacklog('j')} and j.tenant = s.tenant
        ${filter}
      order by -j.priority, j.run_at, j.id
      limit s.size
      for update skip locked
    ) picked
    where not s.is_limited and s.size > 0
    limit $2
  ),
  taken as (
    update longshore.jobs j
    set ${set}
    from due
    where j.id = due.id
    returning ${jobColumns('j')}
  )${also === undefined ? '' : `,\n  ${also}`}`;
}
