DROP INDEX "longshore"."jobs_processing_worker";--> statement-breakpoint
DROP INDEX "longshore"."jobs_status_id";--> statement-breakpoint
CREATE INDEX "jobs_not_completed" ON "longshore"."jobs" USING btree ("status","id") WHERE "longshore"."jobs"."status" <> 'completed';--> statement-breakpoint
-- Each job leaves two dead rows behind, and the indexes of what waits and runs are only as small as the last vacuum left them. By
-- default it waits for a fifth of the table, however many millions have finished, and then takes a tenth of this pace.
ALTER TABLE "longshore"."jobs" SET (
	autovacuum_vacuum_scale_factor = 0.02,
	autovacuum_analyze_scale_factor = 0.02,
	autovacuum_vacuum_cost_limit = 2000
);
