-- Batches: every job that joins one, ends, or runs again after its end leaves news of it, whatever statement did that.
CREATE INDEX "batch_news_batch" ON "longshore"."batch_news" USING btree ("batch_id");--> statement-breakpoint
CREATE INDEX "jobs_batch" ON "longshore"."jobs" USING btree ("batch_id","id") WHERE "longshore"."jobs"."batch_id" is not null;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_batch" ON "longshore"."webhook_deliveries" USING btree ("batch_id") WHERE "longshore"."webhook_deliveries"."batch_id" is not null;--> statement-breakpoint
create function longshore.note_batch_join() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into longshore.batch_news (batch_id, event) values (new.batch_id, 'joined');
  return null;
end
$$;--> statement-breakpoint
create function longshore.note_batch_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if old.status in ('completed', 'failed', 'cancelled', 'expired') then
    insert into longshore.batch_news (batch_id, event, count) values (old.batch_id, old.status, -1);
  else
    insert into longshore.batch_news (batch_id, event) values (new.batch_id, new.status);
  end if;
  return null;
end
$$;--> statement-breakpoint
create function longshore.note_batch_removal() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into longshore.batch_news (batch_id, event, count) values (old.batch_id, 'joined', -1);
  return null;
end
$$;--> statement-breakpoint
create trigger jobs_batch_join
after insert on longshore.jobs
for each row
when (new.batch_id is not null)
execute function longshore.note_batch_join();--> statement-breakpoint
create trigger jobs_batch_change
after update of status on longshore.jobs
for each row
when (
  old.batch_id is not null
  and (old.status in ('completed', 'failed', 'cancelled', 'expired'))
    <> (new.status in ('completed', 'failed', 'cancelled', 'expired'))
)
execute function longshore.note_batch_change();--> statement-breakpoint
create trigger jobs_batch_removal
after delete on longshore.jobs
for each row
when (old.batch_id is not null and old.status not in ('completed', 'failed', 'cancelled', 'expired'))
execute function longshore.note_batch_removal();--> statement-breakpoint
CREATE TABLE "longshore"."job_types" (
	"type" text PRIMARY KEY NOT NULL,
	"queue" text NOT NULL,
	"attempts" integer NOT NULL,
	"timeout_ms" bigint NOT NULL,
	"max_input_bytes" integer NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);--> statement-breakpoint
create function longshore.create_id() returns uuid
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  -- UUIDv7 (RFC 9562, method 3): milliseconds, then 12 bits of what is left of the microseconds, then random bits.
  select (
    lpad(to_hex(now.us / 1000), 12, '0') || '7' || lpad(to_hex(now.us % 1000 * 4096 / 1000), 3, '0')
    || substr(replace(gen_random_uuid()::text, '-', ''), 17)
  )::uuid
  from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as us) now
$$;--> statement-breakpoint
create function longshore.refuse_option(path text, message text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '%', path || ': ' || message using errcode = 'invalid_parameter_value';
end
$$;--> statement-breakpoint
create function longshore.check_names(path text, object jsonb, known text[]) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  unknown text;
begin
  if jsonb_typeof(object) is distinct from 'object' then
    perform longshore.refuse_option(path, 'must be an object');
  end if;
  select min(name) into unknown from jsonb_object_keys(object) as name where name <> all(known);
  if unknown is not null then
    raise exception '%', path || '.' || unknown || ': is not known here'
      using errcode = 'invalid_parameter_value', hint = 'known names: ' || array_to_string(known, ', ');
  end if;
end
$$;--> statement-breakpoint
create function longshore.read_text(path text, value jsonb, longest integer) returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if value is null then return null; end if;
  if jsonb_typeof(value) <> 'string' or char_length(value #>> '{}') not between 1 and longest then
    perform longshore.refuse_option(path, format('must be a text of 1 to %s characters', longest));
  end if;
  return value #>> '{}';
end
$$;--> statement-breakpoint
create function longshore.read_whole(path text, value jsonb, low bigint, high bigint) returns bigint
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if value is null then return null; end if;
  if jsonb_typeof(value) <> 'number' or value::numeric % 1 <> 0 or value::numeric not between low and high then
    perform longshore.refuse_option(path, format('must be a whole number from %s to %s', low, high));
  end if;
  return value::numeric::bigint;
end
$$;--> statement-breakpoint
create function longshore.read_time(path text, value jsonb) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if value is null then return null; end if;
  if jsonb_typeof(value) = 'string'
    and value #>> '{}' ~ '^(19[7-9]\d|[2-9]\d{3})-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$' then
    return (value #>> '{}')::timestamptz;
  end if;
  perform longshore.refuse_option(path, 'must be a time with its offset, e.g. 2030-01-31T08:00:00Z');
  return null;
exception
  when datetime_field_overflow or invalid_datetime_format then
    raise exception '%', path || ': there is no such time' using errcode = 'invalid_parameter_value';
end
$$;--> statement-breakpoint
create function longshore.read_tags(value jsonb) returns text[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if value is null then return '{}'; end if;
  if jsonb_typeof(value) <> 'array' or jsonb_array_length(value) > 20 then
    perform longshore.refuse_option('options.tags', 'must be an array of at most 20 texts');
  end if;
  return array(
    select longshore.read_text('options.tags.' || (place - 1), tag, 100)
    from jsonb_array_elements(value) with ordinality as t(tag, place)
    order by place);
end
$$;--> statement-breakpoint
create function longshore.check_backoff(value jsonb) returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if value is null then return null; end if;
  perform longshore.check_names('options.backoff', value, array['type', 'delayMs', 'maxDelayMs', 'jitter']);
  if coalesce(value -> 'type', 'null') not in ('"exponential"', '"fixed"') then
    perform longshore.refuse_option('options.backoff.type', 'must be "exponential" or "fixed"');
  end if;
  perform longshore.read_whole('options.backoff.delayMs', coalesce(value -> 'delayMs', 'null'), 0, 316224000000);
  perform longshore.read_whole('options.backoff.maxDelayMs', value -> 'maxDelayMs', 0, 316224000000);
  if jsonb_typeof(value -> 'jitter') <> 'number' or (value ->> 'jitter')::numeric not between 0 and 1 then
    perform longshore.refuse_option('options.backoff.jitter', 'must be a number from 0 to 1');
  end if;
  return value;
end
$$;--> statement-breakpoint
create function longshore.check_webhook(value jsonb) returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  events constant jsonb := '["job.completed", "job.failed", "job.cancelled", "job.expired"]';
begin
  if value is null then return null; end if;
  perform longshore.check_names('options.webhook', value, array['url', 'events']);
  if coalesce(longshore.read_text('options.webhook.url', value -> 'url', 2000), '') !~ '^https?://[^\s/?#]+' then
    perform longshore.refuse_option('options.webhook.url', 'must be an http or https URL');
  end if;
  value := jsonb_build_object('events', events) || value;
  if jsonb_typeof(value -> 'events') <> 'array' or value -> 'events' = '[]' or not events @> (value -> 'events') then
    perform longshore.refuse_option('options.webhook.events', 'must be some of ' || events::text);
  end if;
  return value;
end
$$;--> statement-breakpoint
create function longshore.charge_tenant(job_tenant text) returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  limits longshore.tenants;
  used bigint;
begin
  select t.* into limits
  from longshore.tenants t
  where t.name = job_tenant and (t.max_queued is not null or t.max_per_day is not null);
  if not found then return; end if;
  if limits.max_queued is not null then
    select count(*) into used
    from (
      select 1
      from longshore.jobs j
      where j.tenant = job_tenant and j.status in ('scheduled', 'queued', 'retrying')
      limit limits.max_queued + 1
    ) waiting;
    if used > limits.max_queued then
      raise exception 'the tenant "%" has % waiting jobs, which is its limit (maxQueued)', job_tenant, limits.max_queued
        using errcode = 'configuration_limit_exceeded';
    end if;
  end if;
  if limits.max_per_day is not null then
    insert into longshore.tenant_days as d (tenant, day, accepted)
    values (job_tenant, (now() at time zone 'utc')::date, 1)
    on conflict (tenant, day) do update set accepted = d.accepted + 1
    returning d.accepted into used;
    if used > limits.max_per_day then
      raise exception 'the tenant "%" has enqueued its % jobs of this day (maxPerDay); the next begins at midnight UTC',
        job_tenant, limits.max_per_day
        using errcode = 'configuration_limit_exceeded';
    end if;
  end if;
end
$$;--> statement-breakpoint
create function longshore.enqueue(type text, input jsonb, options jsonb default '{}') returns uuid
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  known longshore.job_types;
  name constant text := enqueue.type;
  given constant jsonb := coalesce(enqueue.input, 'null');
  wanted constant jsonb := coalesce(enqueue.options, '{}');
  job_tenant text;
  job_queue text;
  job_key text;
  job_batch uuid;
  job_concurrency_key text;
  delay_ms bigint;
  due timestamptz;
  found_id uuid;
begin
  select t.* into known from longshore.job_types t where t.type = name;
  if not found then
    raise exception 'there is no job type "%"', name
      using errcode = 'invalid_parameter_value',
        hint = 'known types: ' || coalesce((select string_agg(t.type, ', ' order by t.type) from longshore.job_types t), 'none');
  end if;
  if octet_length(given::text) > known.max_input_bytes then
    perform longshore.refuse_option('input', format('is larger than %s bytes (MAX_BODY_BYTES)', known.max_input_bytes));
  end if;
  perform longshore.check_names('options', wanted, array[
    'queue', 'priority', 'delayMs', 'runAt', 'attempts', 'backoff', 'timeoutMs', 'ttlMs', 'deduplicationKey',
    'concurrencyKey', 'batchId', 'tags', 'metadata', 'tenant', 'webhook']);

  job_queue := coalesce(longshore.read_text('options.queue', wanted -> 'queue', 100), known.queue);
  if job_queue <> known.queue and not exists (select 1 from longshore.job_types t where t.queue = job_queue) then
    perform longshore.refuse_option('options.queue', format('no worker serves "%s"', job_queue));
  end if;
  job_tenant := coalesce(longshore.read_text('options.tenant', wanted -> 'tenant', 100), 'default');
  if job_tenant !~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' then
    perform longshore.refuse_option('options.tenant', 'must be letters, digits, ".", "_" or "-"');
  end if;
  if jsonb_typeof(wanted -> 'metadata') <> 'object' then
    perform longshore.refuse_option('options.metadata', 'must be an object');
  end if;
  if octet_length((wanted -> 'metadata')::text) > known.max_input_bytes then
    perform longshore.refuse_option('options.metadata', format('is larger than %s bytes (MAX_BODY_BYTES)', known.max_input_bytes));
  end if;
  job_key := longshore.read_text('options.deduplicationKey', wanted -> 'deduplicationKey', 255);
  job_concurrency_key := longshore.read_text('options.concurrencyKey', wanted -> 'concurrencyKey', 255);
  delay_ms := longshore.read_whole('options.delayMs', wanted -> 'delayMs', 0, 316224000000);
  due := longshore.read_time('options.runAt', wanted -> 'runAt');
  if delay_ms is not null and due is not null then
    perform longshore.refuse_option('options.runAt', 'must not be given together with delayMs');
  end if;
  due := coalesce(due, clock_timestamp() + coalesce(delay_ms, 0) * interval '1 millisecond');

  -- Held until the end of the transaction: the batch cannot be closed before the job is seen in it.
  if wanted ? 'batchId' then
    if longshore.read_text('options.batchId', wanted -> 'batchId', 36)
      ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
      select b.id into job_batch
      from longshore.batches b
      where b.id = (wanted ->> 'batchId')::uuid and b.tenant = job_tenant and b.closed_at is null
      for key share;
    end if;
    if job_batch is null then
      perform longshore.refuse_option('options.batchId', 'there is no such batch that is open');
    end if;
  end if;

  for round in 1..20 loop
    insert into longshore.jobs
      (id, tenant, type, queue, status, priority, tags, metadata, input, max_attempts, backoff, timeout_ms, webhook,
       deduplication_key, batch_id, concurrency_key, gate, created_at, run_at, expires_at)
    values (
      longshore.create_id(), job_tenant, name, job_queue,
      case when due > clock_timestamp() then 'scheduled' else 'queued' end,
      coalesce(longshore.read_whole('options.priority', wanted -> 'priority', -100, 100), 0),
      longshore.read_tags(wanted -> 'tags'),
      coalesce(wanted -> 'metadata', '{}'),
      given,
      coalesce(longshore.read_whole('options.attempts', wanted -> 'attempts', 1, 100), known.attempts),
      longshore.check_backoff(wanted -> 'backoff'),
      coalesce(longshore.read_whole('options.timeoutMs', wanted -> 'timeoutMs', 1, 604800000), known.timeout_ms),
      longshore.check_webhook(wanted -> 'webhook'),
      job_key, job_batch, job_concurrency_key,
      case when job_concurrency_key is not null then 'concurrency_key' end,
      clock_timestamp(), due,
      due + longshore.read_whole('options.ttlMs', wanted -> 'ttlMs', 1, 316224000000) * interval '1 millisecond')
    on conflict do nothing
    returning id into found_id;
    if found_id is not null then
      perform longshore.charge_tenant(job_tenant); -- what is refused here takes the job back with it
      -- Sent with the commit. A message may be lost: the loops of every program find the row as well.
      perform pg_notify('longshore', case
        when job_concurrency_key is null then 'sql|work|' || job_queue
        else 'sql|gate|' || replace(encode(convert_to(
          jsonb_build_array(job_queue, job_tenant, job_concurrency_key)::text, 'UTF8'), 'base64'), chr(10), '')
      end);
      if delay_ms > 0 or wanted ? 'runAt' then
        perform pg_notify('longshore', 'sql|due|' || (extract(epoch from due) * 1000)::bigint);
      end if;
      return found_id;
    end if;
    select j.id into found_id
    from longshore.jobs j
    where j.tenant = job_tenant
      and j.type = name
      and j.deduplication_key = job_key
      and j.status not in ('completed', 'failed', 'cancelled', 'expired');
    if found_id is not null then return found_id; end if;
  end loop;
  raise exception 'the deduplication key "%" was always just taken or just free', job_key;
end
$$;--> statement-breakpoint
create function longshore.enqueue_many(jobs jsonb) returns setof uuid
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  each jsonb;
begin
  if jsonb_typeof(jobs) is distinct from 'array' then
    perform longshore.refuse_option('jobs', 'must be an array of {type, input, options}');
  end if;
  for each in select value from jsonb_array_elements(jobs) with ordinality order by ordinality loop
    perform longshore.check_names('jobs', each, array['type', 'input', 'options']);
    return next longshore.enqueue(each ->> 'type', each -> 'input', coalesce(each -> 'options', '{}'));
  end loop;
end
$$;
