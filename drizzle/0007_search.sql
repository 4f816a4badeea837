CREATE TABLE "longshore"."search_unindexed" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "longshore"."search_unindexed_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"ids" uuid[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "longshore"."search_chunks" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "longshore"."search_chunks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"of_failed" boolean NOT NULL,
	"first_id" uuid NOT NULL,
	"last_id" uuid NOT NULL,
	"created_from" timestamp with time zone NOT NULL,
	"created_to" timestamp with time zone NOT NULL,
	"ids" uuid[] NOT NULL,
	"terms" integer[] NOT NULL
);
--> statement-breakpoint
CREATE TABLE "longshore"."search_backfill" (
	"below" uuid PRIMARY KEY NOT NULL
);
--> statement-breakpoint
-- The arrays are read for the chunks of a page alone: apart from the rest, all chunks of millions of jobs are a few megabytes.
ALTER TABLE "longshore"."search_chunks" SET (toast_tuple_target = 128);--> statement-breakpoint
ALTER TABLE "longshore"."search_chunks" ALTER COLUMN "ids" SET STORAGE EXTERNAL, ALTER COLUMN "terms" SET STORAGE EXTERNAL;--> statement-breakpoint
-- Rows come and go all the time, and every search reads the whole table.
ALTER TABLE "longshore"."search_unindexed" SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_insert_threshold = -1);--> statement-breakpoint
CREATE INDEX "search_chunks_terms" ON "longshore"."search_chunks" USING gin ("terms") WITH (fastupdate=false);--> statement-breakpoint
CREATE INDEX "jobs_resting" ON "longshore"."jobs" USING btree ("queue","status") WHERE "longshore"."jobs"."status" in ('scheduled', 'retrying', 'waiting', 'failed', 'cancelled', 'expired');--> statement-breakpoint
DROP INDEX "longshore"."jobs_failed_fingerprint";--> statement-breakpoint
CREATE INDEX "jobs_failed_seen_of_tenant" ON "longshore"."jobs" USING btree ("tenant","fingerprint","finished_at","id") WHERE "longshore"."jobs"."status" = 'failed';--> statement-breakpoint
CREATE INDEX "jobs_failed_seen" ON "longshore"."jobs" USING btree ("fingerprint","finished_at","id") WHERE "longshore"."jobs"."status" = 'failed';--> statement-breakpoint
ALTER TABLE "longshore"."bulk_actions" ADD COLUMN "matched_is_capped" boolean DEFAULT false NOT NULL;--> statement-breakpoint
-- Whoever inserts jobs, and however, what is not indexed yet is known in the same transaction. Who may insert jobs needs no right to
-- the notes, which name ids and nothing else.
CREATE FUNCTION "longshore"."note_unindexed"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
begin
  insert into longshore.search_unindexed (ids)
  select array_agg(n.id order by n.id)
  from (select id, (row_number() over (order by id) - 1) / 500 as part from added) n
  group by n.part;
  return null;
end
$$;
--> statement-breakpoint
CREATE FUNCTION "longshore"."note_failed"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
begin
  insert into longshore.search_unindexed (ids) values (array[new.id]);
  return null;
end
$$;
--> statement-breakpoint
CREATE TRIGGER "jobs_added" AFTER INSERT ON "longshore"."jobs" REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "longshore"."note_unindexed"();--> statement-breakpoint
CREATE TRIGGER "jobs_failed" AFTER UPDATE ON "longshore"."jobs" FOR EACH ROW WHEN (NEW.status = 'failed' AND OLD.status <> 'failed') EXECUTE FUNCTION "longshore"."note_failed"();--> statement-breakpoint
-- No insert can be under way: the triggers have locked them out until this is committed.
INSERT INTO "longshore"."search_backfill" ("below") SELECT "id" FROM "longshore"."jobs" ORDER BY "id" DESC LIMIT 1;
