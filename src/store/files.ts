import { AppError } from '../shared/errors.ts';
import type { Database } from './database.ts';
import { type TenantScope, tenantOf } from './scope.ts';

/** A file that is kept apart from the retention of a job; as the table says. */
export interface FileRow {
  /** Of the upload, or of the job. */
  id: string;
  name: string;
  tenant: string;
  isUpload: boolean;
  contentType: string | null;
  bytes: number;
  sha256: string | null;
  createdAt: Date;
  expiresAt: Date | null;
  /** When it was removed because it had expired. */
  removedAt: Date | null;
}

export type UploadRow = FileRow & { contentType: string; sha256: string };

export type NewUpload = Pick<UploadRow, 'id' | 'name' | 'tenant' | 'contentType' | 'bytes' | 'sha256'> & {
  /** Null: it is kept until somebody deletes it. */
  expiresInMs: number | null;
};

/** A file that the run of a job makes. */
export type MadeFile = Pick<FileRow, 'id' | 'name' | 'contentType' | 'bytes'> & {
  fence: number;
  expiresInMs: number | null;
};

export type RemovableFile = Pick<FileRow, 'id' | 'name' | 'tenant' | 'isUpload'>;

export type ExpiredFile = RemovableFile & {
  /** As PostgreSQL writes it: a Date would lose the microseconds. */
  expiredAt: string;
};

const COLUMNS = `f.id, f.name, f.tenant, f.is_upload as "isUpload", f.content_type as "contentType", f.bytes, f.sha256,
  f.created_at as "createdAt", f.expires_at as "expiresAt", f.removed_at as "removedAt"`;

/** Uploads, and files of jobs that expire. Of all other files the record knows nothing: they go with their job. */
export function createFileStore(database: Database) {
  return {
    async get(scope: TenantScope, id: string, name: string): Promise<FileRow | undefined> {
      const [row] = await database.query<FileRow>(
        `select ${COLUMNS}
         from longshore.files f
         where f.id = $1 and f.name = $2 and ($3::text is null or f.tenant = $3)`,
        [id, name, tenantOf(scope)],
      );
      return row;
    },

    /** Keeps an upload, in place of what an earlier call with the same Idempotency-Key has kept. */
    async keepUpload(upload: NewUpload): Promise<UploadRow> {
      const { id, name, tenant, contentType, bytes, sha256, expiresInMs } = upload;
      const values = [id, name, tenant, contentType, bytes, sha256, expiresInMs];
      const [row] = await database.query<UploadRow>(KEEP_UPLOAD, values);
      if (!row) throw new AppError('INTERNAL', `the id ${id} of an upload is that of something else`);
      return row;
    },

    /** Forgets an upload. @returns whether there was one */
    async removeUpload(scope: TenantScope, id: string, name: string): Promise<boolean> {
      const rows = await database.query(
        `delete from longshore.files f
         where f.id = $1 and f.name = $2 and ($3::text is null or f.tenant = $3) and f.is_upload
         returning f.id`,
        [id, name, tenantOf(scope)],
      );
      return rows.length === 1;
    },

    /**
     * Keeps when a file of a job expires, or that it does not, in place of what was said before of its name.
     * @returns whether the run is still the newest of its job (I3); nothing is changed otherwise
     */
    async noteMade({ id, fence, name, contentType, bytes, expiresInMs }: MadeFile): Promise<boolean> {
      return (await database.query(NOTE_MADE, [id, fence, name, contentType, bytes, expiresInMs])).length === 1;
    },

    /**
     * Hands files that have expired to `remove` and notes that those are gone of which it says so. Their rows are locked
     * meanwhile: a run that makes one of them anew waits in `noteMade`, before its file appears. Walks `files_expires`.
     * @param after the last of an earlier call, to go on behind it
     * @param remove has the time that a transaction may be idle
     * @returns what was handed over, oldest first
     */
    removeExpired(
      { after, limit }: { after?: ExpiredFile | undefined; limit: number },
      remove: (files: ExpiredFile[]) => Promise<RemovableFile[]>,
    ): Promise<ExpiredFile[]> {
      return database.transaction(async (transaction) => {
        const expired = await transaction.query<ExpiredFile>(
          `select f.id, f.name, f.tenant, f.is_upload as "isUpload", f.expires_at::text as "expiredAt"
           from longshore.files f
           where f.expires_at <= now() and f.removed_at is null
             and ($1::timestamptz is null or (f.expires_at, f.id, f.name) > ($1, $2::uuid, $3::text))
           order by f.expires_at, f.id, f.name
           limit $4
           for update skip locked`,
          [after?.expiredAt ?? null, after?.id ?? null, after?.name ?? null, limit],
        );
        const removed = expired.length === 0 ? [] : await remove(expired);
        if (removed.length > 0) {
          await transaction.query(
            `update longshore.files f
             set removed_at = now()
             from unnest($1::uuid[], $2::text[]) as gone(id, name)
             where f.id = gone.id and f.name = gone.name`,
            [removed.map(({ id }) => id), removed.map(({ name }) => name)],
          );
        }
        return expired;
      });
    },

    /** Forgets files that were removed so long ago; until then callers hear why they are gone. @returns how many */
    async forgetRemoved(days: number, limit: number): Promise<number> {
      const rows = await database.query(
        `with old as (
           select f.id, f.name
           from longshore.files f
           where f.removed_at < now() - $1::integer * interval '1 day'
           limit $2
           for update skip locked
         )
         delete from longshore.files f
         using old
         where f.id = old.id and f.name = old.name
         returning f.id`,
        [days, limit],
      );
      return rows.length;
    },
  };
}

const KEEP_UPLOAD = `
  insert into longshore.files as f (id, name, tenant, is_upload, content_type, bytes, sha256, expires_at)
  values ($1, $2, $3, true, $4, $5, $6, now() + $7::bigint * interval '1 millisecond')
  on conflict (id, name) do update
  set content_type = excluded.content_type,
    bytes = excluded.bytes,
    sha256 = excluded.sha256,
    expires_at = excluded.expires_at,
    removed_at = null
  where f.is_upload and f.tenant = excluded.tenant
  returning ${COLUMNS}`;

const NOTE_MADE = `
  with newest as (
    select j.id, j.tenant
    from longshore.jobs j
    where j.id = $1 and j.fence = $2 and j.status = 'processing'
  ),
  forgotten as (
    delete from longshore.files f
    using newest
    where f.id = newest.id and f.name = $3 and $6::bigint is null
  ),
  kept as (
    insert into longshore.files (id, name, tenant, is_upload, content_type, bytes, expires_at)
    select newest.id, $3, newest.tenant, false, $4, $5, now() + $6::bigint * interval '1 millisecond'
    from newest
    where $6::bigint is not null
    on conflict (id, name) do update
    set content_type = excluded.content_type,
      bytes = excluded.bytes,
      created_at = now(),
      expires_at = excluded.expires_at,
      removed_at = null
  )
  select id from newest`;
