-- First, and in the order in which a bulk action of a running program comes to them: it has its row when it asks for jobs.
LOCK TABLE "longshore"."bulk_actions", "longshore"."jobs", "longshore"."webhook_deliveries" IN ACCESS EXCLUSIVE MODE;--> statement-breakpoint
CREATE TABLE "longshore"."api_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"tenant" text,
	"scopes" text[] NOT NULL,
	"prefix" text NOT NULL,
	"hash" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "api_keys_scopes" CHECK ("longshore"."api_keys"."scopes" <@ array['jobs:read', 'jobs:write', 'admin'] and cardinality("longshore"."api_keys"."scopes") > 0)
);
--> statement-breakpoint
CREATE TABLE "longshore"."audit_log" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant" text,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"target" text,
	"details" jsonb DEFAULT '{}' NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "longshore"."batch_news" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "longshore"."batch_news_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"batch_id" uuid NOT NULL,
	"event" text NOT NULL,
	"count" integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "longshore"."batches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"name" text,
	"metadata" jsonb DEFAULT '{}' NOT NULL,
	"webhook" jsonb,
	"on_complete" jsonb,
	"on_complete_job_id" uuid,
	"total" integer DEFAULT 0 NOT NULL,
	"completed" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"cancelled" integer DEFAULT 0 NOT NULL,
	"expired" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"closed_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	CONSTRAINT "batches_finished" CHECK ("longshore"."batches"."finished_at" is null or "longshore"."batches"."closed_at" is not null)
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "longshore"."request_counts" (
	"key" varchar(255) PRIMARY KEY NOT NULL,
	"points" integer DEFAULT 0 NOT NULL,
	"expire" bigint
);
--> statement-breakpoint
CREATE TABLE "longshore"."schedule_runs" (
	"schedule_id" uuid NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"outcome" text NOT NULL,
	"job_id" uuid,
	"detail" text,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "schedule_runs_schedule_id_due_at_pk" PRIMARY KEY("schedule_id","due_at"),
	CONSTRAINT "schedule_runs_kind" CHECK ("longshore"."schedule_runs"."kind" in ('due', 'catch_up', 'manual')),
	CONSTRAINT "schedule_runs_outcome" CHECK ("longshore"."schedule_runs"."outcome" in ('enqueued', 'skipped', 'waiting', 'rejected'))
);
--> statement-breakpoint
CREATE TABLE "longshore"."schedules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"input" jsonb NOT NULL,
	"options" jsonb DEFAULT '{}' NOT NULL,
	"cron" text,
	"every_ms" bigint,
	"run_at" timestamp with time zone,
	"time_zone" text DEFAULT 'UTC' NOT NULL,
	"catch_up" text DEFAULT 'last' NOT NULL,
	"overlap" text DEFAULT 'allow' NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"source" text DEFAULT 'api' NOT NULL,
	"definition_hash" text,
	"retired_at" timestamp with time zone,
	"anchor_at" timestamp with time zone DEFAULT date_trunc('milliseconds', now()) NOT NULL,
	"next_due_at" timestamp with time zone,
	"last_due_at" timestamp with time zone,
	"served_at" timestamp with time zone,
	"last_error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "schedules_when" CHECK (num_nonnulls("longshore"."schedules"."cron", "longshore"."schedules"."every_ms", "longshore"."schedules"."run_at") = 1),
	CONSTRAINT "schedules_catch_up" CHECK ("longshore"."schedules"."catch_up" in ('none', 'last', 'all')),
	CONSTRAINT "schedules_overlap" CHECK ("longshore"."schedules"."overlap" in ('allow', 'skip', 'queue', 'cancel_previous')),
	CONSTRAINT "schedules_source" CHECK ("longshore"."schedules"."source" in ('api', 'code')),
	CONSTRAINT "schedules_definition" CHECK (("longshore"."schedules"."source" = 'code') = ("longshore"."schedules"."definition_hash" is not null) and ("longshore"."schedules"."source" = 'code' or "longshore"."schedules"."retired_at" is null))
);
--> statement-breakpoint
CREATE TABLE "longshore"."schedule_definitions" (
	"name" text NOT NULL,
	"hash" text NOT NULL,
	"appeared_at" timestamp with time zone DEFAULT now() NOT NULL,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "schedule_definitions_name_hash_pk" PRIMARY KEY("name","hash")
);
--> statement-breakpoint
CREATE TABLE "longshore"."tenant_days" (
	"tenant" text NOT NULL,
	"day" date NOT NULL,
	"accepted" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "tenant_days_tenant_day_pk" PRIMARY KEY("tenant","day")
);
--> statement-breakpoint
CREATE TABLE "longshore"."tenants" (
	"name" text PRIMARY KEY NOT NULL,
	"weight" smallint DEFAULT 1 NOT NULL,
	"requests_per_second" integer,
	"max_running" integer,
	"max_queued" integer,
	"max_per_day" integer,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tenants_weight" CHECK ("longshore"."tenants"."weight" between 1 and 1000),
	CONSTRAINT "tenants_limits" CHECK ("longshore"."tenants"."requests_per_second" >= 1 and "longshore"."tenants"."max_running" >= 0 and "longshore"."tenants"."max_queued" >= 0 and "longshore"."tenants"."max_per_day" >= 0)
);
--> statement-breakpoint
CREATE TABLE "longshore"."webhook_subscriptions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"url" text NOT NULL,
	"events" text[] NOT NULL,
	"types" text[],
	"description" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"disabled_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "longshore"."webhook_deliveries" ALTER COLUMN "job_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "batch_id" uuid;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "concurrency_key" text;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "gate" text;--> statement-breakpoint
ALTER TABLE "longshore"."webhook_deliveries" ADD COLUMN "batch_id" uuid;--> statement-breakpoint
ALTER TABLE "longshore"."webhook_deliveries" ADD COLUMN "subscription_id" uuid;--> statement-breakpoint
ALTER TABLE "longshore"."schedule_runs" ADD CONSTRAINT "schedule_runs_schedule_id_schedules_id_fk" FOREIGN KEY ("schedule_id") REFERENCES "longshore"."schedules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_hash" ON "longshore"."api_keys" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "audit_log_tenant" ON "longshore"."audit_log" USING btree ("tenant","id");--> statement-breakpoint
CREATE INDEX "batches_tenant" ON "longshore"."batches" USING btree ("tenant","id");--> statement-breakpoint
CREATE INDEX "schedule_runs_waiting" ON "longshore"."schedule_runs" USING btree ("schedule_id","due_at") WHERE "longshore"."schedule_runs"."outcome" = 'waiting';--> statement-breakpoint
CREATE INDEX "jobs_schedule" ON "longshore"."jobs" USING btree ("schedule_id") WHERE "longshore"."jobs"."schedule_id" is not null and "longshore"."jobs"."status" not in ('completed', 'failed', 'cancelled', 'expired');--> statement-breakpoint
CREATE UNIQUE INDEX "schedules_name" ON "longshore"."schedules" USING btree ("tenant","name");--> statement-breakpoint
CREATE INDEX "schedules_due" ON "longshore"."schedules" USING btree ("next_due_at") WHERE "longshore"."schedules"."enabled" and "longshore"."schedules"."retired_at" is null and "longshore"."schedules"."next_due_at" is not null;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_subscription" ON "longshore"."webhook_deliveries" USING btree ("subscription_id","id") WHERE "longshore"."webhook_deliveries"."subscription_id" is not null;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_failed" ON "longshore"."webhook_deliveries" USING btree ("status","id") WHERE "longshore"."webhook_deliveries"."status" in ('failed', 'disabled');--> statement-breakpoint
CREATE INDEX "webhook_subscriptions_tenant" ON "longshore"."webhook_subscriptions" USING btree ("tenant","id");--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD CONSTRAINT "jobs_gate" CHECK ("longshore"."jobs"."gate" is null or ("longshore"."jobs"."gate" in ('concurrency_key', 'rate_limit') and "longshore"."jobs"."concurrency_key" is not null));--> statement-breakpoint
ALTER TABLE "longshore"."webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_of" CHECK (num_nonnulls("longshore"."webhook_deliveries"."job_id", "longshore"."webhook_deliveries"."batch_id") = 1);