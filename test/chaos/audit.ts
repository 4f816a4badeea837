import { readNotes } from '../support/notes.ts';
import { runSql } from '../support/postgres.ts';
import { type Call, type Kind, runsOf } from './load.ts';
import type { Kill } from './slot.ts';

/** What a storm came to. The two that must be 0 are `lost` and `recordedTwice`. */
export interface Account {
  calls: number;
  accepted: number;
  refused: number;
  unanswered: number;
  /** Of the accepted: those that took more than one call with the same Idempotency-Key. */
  repeated: number;
  /** Of the refused and unanswered: stored all the same, since the commit's answer was lost. They must end as well. */
  storedWithoutAnswer: number;
  completed: number;
  failedAsDesigned: number;
  failedWorkerLost: number;
  cancelled: number;
  lost: string[];
  recordedTwice: string[];
  /** Ended otherwise than their kind says. */
  wrong: string[];
  runsBeyondOne: number;
  /** The runs that killed workers had, the one that stood still longest first. */
  rescues: Rescue[];
  repairs: Record<string, number>;
}

/** A run of a killed worker, and how long it took until its job was started again or ended. */
export interface Rescue {
  id: string;
  ms: number;
}

/**
 * Watches every job in the database itself: nothing that a program does to a row goes unseen. An end is also a change of
 * what an ended job says.
 */
export async function watchRecord(url: string): Promise<void> {
  await runSql(url, WATCH);
}

const ENDED = `('completed', 'failed', 'cancelled', 'expired')`;
const WATCH = `
  create schema chaos;
  create table chaos.events (
    seq bigserial primary key,
    job_id uuid not null,
    kind text not null,
    worker text,
    at timestamptz not null default clock_timestamp()
  );
  create index on chaos.events (job_id, at);
  create function chaos.note() returns trigger language plpgsql as $$
  begin
    if old.status in ${ENDED} or new.status in ${ENDED} then
      if (old.status, old.reason, old.output, old.error, old.finished_at, old.attempt)
        is distinct from (new.status, new.reason, new.output, new.error, new.finished_at, new.attempt) then
        insert into chaos.events (job_id, kind, worker) values (new.id, 'end', new.worker);
      end if;
    elsif old.status = 'processing' and new.status <> 'processing' then
      insert into chaos.events (job_id, kind, worker) values (new.id, 'stop', old.worker);
    end if;
    if new.status = 'processing' and (old.status <> 'processing' or old.fence <> new.fence) then
      insert into chaos.events (job_id, kind, worker) values (new.id, 'start', new.worker);
    end if;
    return null;
  end $$;
  create trigger note after update on longshore.jobs for each row execute function chaos.note()`;

/** Jobs that have not ended yet. */
export async function countOpen(url: string): Promise<number> {
  const [row] = await runSql<{ count: number }>(
    url,
    `select count(*)::integer from longshore.jobs where status not in ${ENDED}`,
  );
  return row?.count ?? 0;
}

/** A job's row and what happened to it, as lines of text. */
export async function readTrail(url: string, id: string): Promise<string[]> {
  const rows = await runSql<{ line: string }>(
    url,
    `select to_jsonb(j)::text as line from longshore.jobs j where id = $1
     union all
     (select to_jsonb(e)::text from chaos.events e where job_id = $1 order by seq)`,
    [id],
  );
  return rows.map(({ line }) => line);
}

interface Row {
  id: string;
  number: number;
  kind: Kind;
  status: string;
  reason: string | null;
  ends: number;
  webhooks: number;
  finalRuns: number;
}

const ROWS = `
  select j.id, (j.metadata ->> 'number')::integer as number, j.input ->> 'kind' as kind, j.status, j.reason,
    (select count(*)::integer from chaos.events e where e.job_id = j.id and e.kind = 'end') as ends,
    (select count(*)::integer from longshore.webhook_deliveries d where d.job_id = j.id) as webhooks,
    (select count(*)::integer from longshore.job_attempts a
     where a.job_id = j.id and a.outcome in ('failed', 'cancelled')) as "finalRuns"
  from longshore.jobs j`;

// The runs that a killed process had, and when their jobs went on: started again, or ended.
const RESCUES = `
  select s.job_id as id, round(extract(epoch from next.at - k.at) * 1000)::float8 as ms
  from jsonb_to_recordset($1::jsonb) as k(pid text, at timestamptz)
  join chaos.events s on s.kind = 'start' and s.worker like '%-' || k.pid || '-%' and s.at < k.at
  cross join lateral (
    select e.at, e.kind from chaos.events e where e.job_id = s.job_id and e.seq > s.seq and e.kind <> 'stop' order by e.seq limit 1
  ) next
  where next.at > k.at
    and not exists (select 1 from chaos.events e
                    where e.job_id = s.job_id and e.seq > s.seq and e.kind = 'stop' and e.at < k.at)
  order by ms desc`;

export async function account(
  url: string,
  calls: readonly Call[],
  kills: readonly Kill[],
  note: string,
): Promise<Account> {
  const rows = await runSql<Row>(url, ROWS);
  const rescues = await runSql<Rescue>(url, RESCUES, [JSON.stringify(kills)]);
  const repairs = await runSql<{ kind: string; count: number }>(
    url,
    `select kind, count::integer from longshore.drift_repairs order by kind`,
  );
  const accepted = calls.flatMap(({ id }) => id ?? []);
  const callOf = new Map(calls.flatMap((call) => (call.id === undefined ? [] : [[call.id, call]])));
  const known = new Map(rows.map((row) => [row.id, row]));
  const numbers = Map.groupBy(rows, ({ number }) => number);
  const count = (holds: (row: Row) => boolean) => rows.filter(holds).length;
  const started = readNotes(note);
  return {
    calls: calls.length,
    accepted: accepted.length,
    refused: calls.filter(({ status }) => status === 503).length,
    unanswered: calls.filter(({ status }) => status !== 202 && status !== 503).length,
    repeated: calls.filter(({ status, tries }) => status === 202 && tries > 1).length,
    storedWithoutAnswer: rows.length - accepted.filter((id) => known.has(id)).length,
    completed: count(({ status }) => status === 'completed'),
    failedAsDesigned: count(
      ({ kind, status, reason }) => kind === 'fail' && status === 'failed' && reason !== 'worker_lost',
    ),
    failedWorkerLost: count(({ reason }) => reason === 'worker_lost'),
    cancelled: count(({ status }) => status === 'cancelled'),
    lost: [...accepted.filter((id) => !known.has(id)), ...rows.filter((row) => row.ends === 0).map((row) => row.id)],
    recordedTwice: rows
      .filter(
        (row) => row.ends > 1 || row.webhooks > 1 || isEndedTwice(row) || (numbers.get(row.number)?.length ?? 0) > 1,
      )
      .map((row) => row.id),
    wrong: rows
      .filter(({ ends }) => ends > 0)
      .filter((row) => !isAsDesigned(row, callOf.get(row.id)))
      .map((row) => row.id),
    runsBeyondOne: rows.reduce(
      (sum, { id, kind }) => sum + Math.max(0, (started.get(id)?.length ?? 0) - runsOf[kind]),
      0,
    ),
    rescues,
    repairs: Object.fromEntries(repairs.map(({ kind, count: times }) => [kind, times])),
  };
}

/** The history of attempts tells of another end than the job does. */
function isEndedTwice({ status, finalRuns }: Row): boolean {
  return finalRuns > (status === 'failed' || status === 'cancelled' ? 1 : 0);
}

function isAsDesigned({ kind, status, reason }: Row, call: Call | undefined): boolean {
  if (call?.isCancelled) return status === 'cancelled'; // what was answered holds
  if (reason === 'worker_lost') return true; // three workers were lost under it
  if (kind === 'fail') return status === 'failed';
  return status === 'completed' || (kind === 'cancel' && status === 'cancelled');
}
