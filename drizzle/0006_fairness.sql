DROP INDEX "longshore"."jobs_claim";--> statement-breakpoint
DROP INDEX "longshore"."jobs_backlog";--> statement-breakpoint
CREATE TABLE "longshore"."rate_windows" (
	"queue" text NOT NULL,
	"tenant" text NOT NULL,
	"concurrency_key" text NOT NULL,
	"ends_at" timestamp with time zone NOT NULL,
	"count" integer NOT NULL,
	CONSTRAINT "rate_windows_queue_tenant_concurrency_key_pk" PRIMARY KEY("queue","tenant","concurrency_key")
);
--> statement-breakpoint
CREATE INDEX "rate_windows_ends" ON "longshore"."rate_windows" USING btree ("ends_at");--> statement-breakpoint
CREATE INDEX "jobs_backlog" ON "longshore"."jobs" USING btree ("queue","tenant",(- "priority"),"run_at","id") WHERE "longshore"."jobs"."status" = 'queued' and "longshore"."jobs"."dispatched_at" is null and "longshore"."jobs"."gate" is null;--> statement-breakpoint
CREATE INDEX "jobs_in_flight" ON "longshore"."jobs" USING btree ("tenant") WHERE "longshore"."jobs"."status" = 'processing' or ("longshore"."jobs"."status" = 'queued' and "longshore"."jobs"."dispatched_at" is not null);--> statement-breakpoint
CREATE INDEX "jobs_key_waiting" ON "longshore"."jobs" USING btree ("queue","tenant","concurrency_key",(- "priority"),"run_at","id") WHERE "longshore"."jobs"."gate" is not null and "longshore"."jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX "jobs_key_open" ON "longshore"."jobs" USING btree ("queue","tenant","concurrency_key") WHERE "longshore"."jobs"."concurrency_key" is not null and "longshore"."jobs"."gate" is null and "longshore"."jobs"."status" in ('queued', 'processing');
