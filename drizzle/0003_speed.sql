DROP INDEX "longshore"."jobs_processing_worker";--> statement-breakpoint
DROP INDEX "longshore"."jobs_status_id";--> statement-breakpoint
CREATE INDEX "jobs_not_completed" ON "longshore"."jobs" USING btree ("status","id") WHERE "longshore"."jobs"."status" <> 'completed';