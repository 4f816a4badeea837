import type { Collection, SavedPage, Snapshot } from '../define/records.ts';
import type { Database } from './database.ts';

/** A record as it is written; `data` is JSON. */
export interface RecordRow {
  id: string;
  data: string;
}

type Counts = SavedPage & { isOutdated: boolean };

/** What `records:download` keeps. Ids of snapshots sort by time: the newer one wins, whoever writes last. */
export function createRecordStore(database: Database) {
  return {
    /**
     * Writes records with different ids. Those with the same data only learn of the snapshot.
     * By the primary key; whether a newer snapshot has begun is looked up in records_snapshot.
     */
    async save({ tenant, collection, snapshotId }: Snapshot, rows: readonly RecordRow[]): Promise<Counts> {
      const [counts] = await database.query<Counts>(
        `with incoming as materialized (
           select given.id, given.data, encode(sha256(convert_to(given.data::text, 'UTF8')), 'hex') as hash
           from (select id, data::jsonb as data from unnest($4::text[], $5::text[]) as page(id, data)) as given
         ), known as materialized (
           select r.id, r.hash, r.snapshot_id, r.deleted_at
           from longshore.records as r
           where r.tenant = $1 and r.collection = $2 and r.id = any($4)
         ), saved as (
           insert into longshore.records as r (tenant, collection, id, data, hash, snapshot_id)
           select $1, $2, incoming.id, incoming.data, incoming.hash, $3::uuid from incoming
           order by incoming.id -- two pages lock what they share in the same order
           on conflict (tenant, collection, id) do update
           set data = case when r.hash = excluded.hash then r.data else excluded.data end,
             hash = excluded.hash,
             snapshot_id = excluded.snapshot_id,
             updated_at = case when r.hash = excluded.hash and r.deleted_at is null then r.updated_at else now() end,
             deleted_at = null
           where r.snapshot_id <= excluded.snapshot_id
           returning 1
         )
         select
           count(*) filter (where known.id is null)::int4 as inserted,
           count(*) filter (where known.snapshot_id = $3)::int4 as repeated,
           count(*) filter (where known.snapshot_id < $3 and known.deleted_at is not null)::int4 as restored,
           count(*) filter (where known.snapshot_id < $3 and known.deleted_at is null and known.hash <> incoming.hash)::int4 as updated,
           count(*) filter (where known.snapshot_id < $3 and known.deleted_at is null and known.hash = incoming.hash)::int4 as unchanged,
           (select count(*) from saved) < count(*) or exists (
             select 1 from longshore.records as r
             where r.tenant = $1 and r.collection = $2 and r.snapshot_id > $3 and r.deleted_at is null
           ) as "isOutdated"
         from incoming
         left join known using (id)`,
        [tenant, collection, snapshotId, rows.map(({ id }) => id), rows.map(({ data }) => data)],
      );
      if (!counts) throw new Error('a statement that counts returned no row');
      return counts;
    },

    /** Whether a newer snapshot has stored something; by records_snapshot. */
    async isOutdated({ tenant, collection, snapshotId }: Snapshot): Promise<boolean> {
      const rows = await database.query(
        `select 1 from longshore.records as r
         where r.tenant = $1 and r.collection = $2 and r.snapshot_id > $3 and r.deleted_at is null
         limit 1`,
        [tenant, collection, snapshotId],
      );
      return rows.length > 0;
    },

    /** Marks what only older snapshots have seen; by records_snapshot. @returns how many */
    async markUnseen({ tenant, collection, snapshotId }: Snapshot, limit: number): Promise<number> {
      const rows = await database.query(
        `with unseen as (
           select r.id
           from longshore.records as r
           where r.tenant = $1 and r.collection = $2 and r.snapshot_id < $3 and r.deleted_at is null
           order by r.snapshot_id
           limit $4
         ), locked as (
           select r.id
           from longshore.records as r
           where r.tenant = $1 and r.collection = $2 and r.id in (select id from unseen)
           order by r.id
           for update
         )
         update longshore.records as r
         set deleted_at = now(), updated_at = now()
         from locked
         where r.tenant = $1 and r.collection = $2 and r.id = locked.id and r.snapshot_id < $3 and r.deleted_at is null
         returning 1`,
        [tenant, collection, snapshotId, limit],
      );
      return rows.length;
    },

    /** The newest snapshot that has a record which is not deleted; null when there is none. By records_snapshot. */
    async newestSnapshot({ tenant, collection }: Collection): Promise<string | null> {
      const [row] = await database.query<{ snapshotId: string }>(
        `select r.snapshot_id as "snapshotId"
         from longshore.records as r
         where r.tenant = $1 and r.collection = $2 and r.deleted_at is null
         order by r.snapshot_id desc
         limit 1`,
        [tenant, collection],
      );
      return row?.snapshotId ?? null;
    },
  };
}
