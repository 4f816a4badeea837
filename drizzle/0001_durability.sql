CREATE TABLE "longshore"."alerts" (
	"fingerprint" text PRIMARY KEY NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"notified_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "longshore"."bulk_actions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant" text,
	"action" text NOT NULL,
	"filter" jsonb NOT NULL,
	"status" text DEFAULT 'running' NOT NULL,
	"matched" integer NOT NULL,
	"processed" integer DEFAULT 0 NOT NULL,
	"changed" integer DEFAULT 0 NOT NULL,
	"cursor" uuid,
	"error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone,
	CONSTRAINT "bulk_actions_action" CHECK ("longshore"."bulk_actions"."action" in ('retry', 'cancel', 'delete')),
	CONSTRAINT "bulk_actions_status" CHECK ("longshore"."bulk_actions"."status" in ('running', 'completed', 'aborted', 'failed')),
	CONSTRAINT "bulk_actions_finished" CHECK (("longshore"."bulk_actions"."finished_at" is not null) = ("longshore"."bulk_actions"."status" <> 'running'))
);
--> statement-breakpoint
CREATE TABLE "longshore"."drift_repairs" (
	"kind" text PRIMARY KEY NOT NULL,
	"count" bigint NOT NULL,
	"last_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "longshore"."idempotency_keys" (
	"tenant" text NOT NULL,
	"route" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"seed" uuid NOT NULL,
	"status_code" integer,
	"headers" jsonb,
	"body" text,
	"locked_until" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_tenant_route_key_pk" PRIMARY KEY("tenant","route","key")
);
--> statement-breakpoint
CREATE TABLE "longshore"."leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
DROP INDEX "longshore"."jobs_finished";--> statement-breakpoint
DROP INDEX "longshore"."jobs_claim";--> statement-breakpoint
DROP INDEX "longshore"."jobs_due";--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "foreign_id" text;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "deduplication_key" text;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "fingerprint" text;--> statement-breakpoint
CREATE INDEX "bulk_actions_running" ON "longshore"."bulk_actions" USING btree ("created_at") WHERE "longshore"."bulk_actions"."status" = 'running';--> statement-breakpoint
CREATE INDEX "idempotency_keys_expires" ON "longshore"."idempotency_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "jobs_backlog" ON "longshore"."jobs" USING btree ("queue",(- "priority"),"tenant","run_at","id") WHERE "longshore"."jobs"."status" = 'queued' and "longshore"."jobs"."dispatched_at" is null;--> statement-breakpoint
CREATE INDEX "jobs_handed_over" ON "longshore"."jobs" USING btree ("queue","status","id") WHERE "longshore"."jobs"."dispatched_at" is not null and "longshore"."jobs"."status" in ('scheduled', 'queued', 'retrying');--> statement-breakpoint
CREATE UNIQUE INDEX "jobs_deduplication" ON "longshore"."jobs" USING btree ("tenant","type","deduplication_key") WHERE "longshore"."jobs"."deduplication_key" is not null and "longshore"."jobs"."status" not in ('completed', 'failed', 'cancelled', 'expired');--> statement-breakpoint
CREATE INDEX "jobs_ended" ON "longshore"."jobs" USING btree ("finished_at") WHERE "longshore"."jobs"."status" in ('completed', 'cancelled', 'expired');--> statement-breakpoint
CREATE INDEX "jobs_failed_at" ON "longshore"."jobs" USING btree ("finished_at") WHERE "longshore"."jobs"."status" = 'failed';--> statement-breakpoint
CREATE INDEX "jobs_failed_fingerprint" ON "longshore"."jobs" USING btree ("fingerprint","id") WHERE "longshore"."jobs"."status" = 'failed';--> statement-breakpoint
CREATE INDEX "jobs_claim" ON "longshore"."jobs" USING btree ("queue","priority" DESC NULLS FIRST,"run_at","id") WHERE "longshore"."jobs"."status" = 'queued' and "longshore"."jobs"."dispatched_at" is null;--> statement-breakpoint
CREATE INDEX "jobs_due" ON "longshore"."jobs" USING btree ("run_at") WHERE "longshore"."jobs"."status" in ('scheduled', 'retrying') and "longshore"."jobs"."dispatched_at" is null;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD CONSTRAINT "jobs_fingerprint" CHECK ("longshore"."jobs"."fingerprint" is null or "longshore"."jobs"."status" = 'failed');