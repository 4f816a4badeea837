CREATE SCHEMA "longshore";
--> statement-breakpoint
CREATE TABLE "longshore"."job_attempts" (
	"job_id" uuid NOT NULL,
	"fence" bigint NOT NULL,
	"attempt" integer NOT NULL,
	"outcome" text NOT NULL,
	"worker" text,
	"error" jsonb,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "job_attempts_job_id_fence_pk" PRIMARY KEY("job_id","fence"),
	CONSTRAINT "job_attempts_outcome" CHECK ("longshore"."job_attempts"."outcome" in ('failed', 'retrying', 'cancelled', 'worker_lost', 'put_back'))
);
--> statement-breakpoint
CREATE TABLE "longshore"."jobs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"type" text NOT NULL,
	"queue" text NOT NULL,
	"status" text NOT NULL,
	"reason" text,
	"priority" smallint DEFAULT 0 NOT NULL,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"metadata" jsonb DEFAULT '{}' NOT NULL,
	"input" jsonb NOT NULL,
	"output" jsonb,
	"error" jsonb,
	"progress_percent" real DEFAULT 0 NOT NULL,
	"progress_message" text,
	"progress_seq" integer DEFAULT 0 NOT NULL,
	"checkpoint" jsonb,
	"attempt" integer DEFAULT 0 NOT NULL,
	"max_attempts" integer NOT NULL,
	"rescues" integer DEFAULT 0 NOT NULL,
	"backoff" jsonb,
	"timeout_ms" bigint NOT NULL,
	"webhook" jsonb,
	"fence" bigint DEFAULT 0 NOT NULL,
	"delivery" integer DEFAULT 1 NOT NULL,
	"worker" text,
	"parent_id" uuid,
	"schedule_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"run_at" timestamp with time zone DEFAULT now() NOT NULL,
	"dispatched_at" timestamp with time zone,
	"expires_at" timestamp with time zone,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	CONSTRAINT "jobs_status" CHECK ("longshore"."jobs"."status" in ('scheduled', 'queued', 'processing', 'waiting', 'retrying', 'completed', 'failed', 'cancelled', 'expired')),
	CONSTRAINT "jobs_finished_at" CHECK (("longshore"."jobs"."finished_at" is not null) = ("longshore"."jobs"."status" in ('completed', 'failed', 'cancelled', 'expired'))),
	CONSTRAINT "jobs_processing" CHECK ("longshore"."jobs"."status" <> 'processing' or ("longshore"."jobs"."started_at" is not null and "longshore"."jobs"."worker" is not null)),
	CONSTRAINT "jobs_failed" CHECK ("longshore"."jobs"."status" <> 'failed' or ("longshore"."jobs"."reason" is not null and "longshore"."jobs"."error" is not null)),
	CONSTRAINT "jobs_output" CHECK ("longshore"."jobs"."output" is null or "longshore"."jobs"."status" = 'completed'),
	CONSTRAINT "jobs_attempt" CHECK ("longshore"."jobs"."attempt" >= 0 and "longshore"."jobs"."max_attempts" >= 1 and "longshore"."jobs"."rescues" >= 0),
	CONSTRAINT "jobs_priority" CHECK ("longshore"."jobs"."priority" between -100 and 100),
	CONSTRAINT "jobs_progress" CHECK ("longshore"."jobs"."progress_percent" between 0 and 100)
);
--> statement-breakpoint
CREATE TABLE "longshore"."job_logs" (
	"job_id" uuid NOT NULL,
	"fence" bigint NOT NULL,
	"seq" integer NOT NULL,
	"attempt" integer NOT NULL,
	"level" text NOT NULL,
	"message" text NOT NULL,
	"fields" jsonb,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "job_logs_job_id_fence_seq_pk" PRIMARY KEY("job_id","fence","seq"),
	CONSTRAINT "job_logs_level" CHECK ("longshore"."job_logs"."level" in ('debug', 'info', 'warn', 'error'))
);
--> statement-breakpoint
CREATE TABLE "longshore"."queues" (
	"name" text PRIMARY KEY NOT NULL,
	"is_paused" boolean DEFAULT false NOT NULL,
	"rate_window_start" timestamp with time zone,
	"rate_count" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "longshore"."settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "longshore"."webhook_deliveries" (
	"id" uuid PRIMARY KEY NOT NULL,
	"job_id" uuid NOT NULL,
	"event" text NOT NULL,
	"url" text NOT NULL,
	"body" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"tries" integer DEFAULT 0 NOT NULL,
	"next_try_at" timestamp with time zone DEFAULT now(),
	"last_status_code" integer,
	"last_error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp with time zone,
	CONSTRAINT "webhook_deliveries_status" CHECK ("longshore"."webhook_deliveries"."status" in ('pending', 'delivered', 'failed', 'disabled')),
	CONSTRAINT "webhook_deliveries_next" CHECK (("longshore"."webhook_deliveries"."next_try_at" is not null) = ("longshore"."webhook_deliveries"."status" = 'pending')),
	CONSTRAINT "webhook_deliveries_delivered" CHECK (("longshore"."webhook_deliveries"."delivered_at" is not null) = ("longshore"."webhook_deliveries"."status" = 'delivered'))
);
--> statement-breakpoint
CREATE TABLE "longshore"."workers" (
	"id" text PRIMARY KEY NOT NULL,
	"host" text NOT NULL,
	"pid" integer NOT NULL,
	"version" text NOT NULL,
	"queues" text[] NOT NULL,
	"concurrency" integer NOT NULL,
	"running" integer DEFAULT 0 NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"heartbeat_at" timestamp with time zone DEFAULT now() NOT NULL,
	"lease_ms" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "longshore"."job_attempts" ADD CONSTRAINT "job_attempts_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "longshore"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "longshore"."job_logs" ADD CONSTRAINT "job_logs_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "longshore"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "longshore"."webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "longshore"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "jobs_claim" ON "longshore"."jobs" USING btree ("queue","priority" DESC NULLS LAST,"run_at","id") WHERE "longshore"."jobs"."status" = 'queued';--> statement-breakpoint
CREATE INDEX "jobs_due" ON "longshore"."jobs" USING btree ("run_at") WHERE "longshore"."jobs"."status" in ('scheduled', 'retrying');--> statement-breakpoint
CREATE INDEX "jobs_processing_worker" ON "longshore"."jobs" USING btree ("worker") WHERE "longshore"."jobs"."status" = 'processing';--> statement-breakpoint
CREATE INDEX "jobs_expiry" ON "longshore"."jobs" USING btree ("expires_at") WHERE "longshore"."jobs"."expires_at" is not null and "longshore"."jobs"."status" in ('scheduled', 'queued');--> statement-breakpoint
CREATE INDEX "jobs_status_id" ON "longshore"."jobs" USING btree ("status","id");--> statement-breakpoint
CREATE INDEX "jobs_type_id" ON "longshore"."jobs" USING btree ("type","id");--> statement-breakpoint
CREATE INDEX "jobs_parent" ON "longshore"."jobs" USING btree ("parent_id") WHERE "longshore"."jobs"."parent_id" is not null;--> statement-breakpoint
CREATE INDEX "jobs_finished" ON "longshore"."jobs" USING btree ("finished_at") WHERE "longshore"."jobs"."finished_at" is not null;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_due" ON "longshore"."webhook_deliveries" USING btree ("next_try_at") WHERE "longshore"."webhook_deliveries"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "webhook_deliveries_job" ON "longshore"."webhook_deliveries" USING btree ("job_id");