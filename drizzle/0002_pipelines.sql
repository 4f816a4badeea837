CREATE TABLE "longshore"."pipeline_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"pipeline_id" uuid NOT NULL,
	"name" text NOT NULL,
	"payload" jsonb,
	"received_at" timestamp with time zone DEFAULT now() NOT NULL,
	"step_key" text
);
--> statement-breakpoint
CREATE TABLE "longshore"."pipeline_news" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "longshore"."pipeline_news_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"pipeline_id" uuid NOT NULL,
	"step_key" text,
	"job_id" uuid,
	CONSTRAINT "pipeline_news_job" CHECK ("longshore"."pipeline_news"."job_id" is null or "longshore"."pipeline_news"."step_key" is not null)
);
--> statement-breakpoint
CREATE TABLE "longshore"."pipeline_steps" (
	"pipeline_id" uuid NOT NULL,
	"key" text NOT NULL,
	"position" integer NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"input_hash" text NOT NULL,
	"size" integer DEFAULT 0 NOT NULL,
	"on_failure" text DEFAULT 'fail' NOT NULL,
	"concurrency" integer,
	"wait_ms" bigint,
	"wake_at" timestamp with time zone,
	"seen" integer NOT NULL,
	"settled" integer,
	"failed_job_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"settled_at" timestamp with time zone,
	CONSTRAINT "pipeline_steps_pipeline_id_key_pk" PRIMARY KEY("pipeline_id","key"),
	CONSTRAINT "pipeline_steps_kind" CHECK ("longshore"."pipeline_steps"."kind" in ('job', 'all', 'sleep', 'event')),
	CONSTRAINT "pipeline_steps_on_failure" CHECK ("longshore"."pipeline_steps"."on_failure" in ('fail', 'continue')),
	CONSTRAINT "pipeline_steps_settled" CHECK (("longshore"."pipeline_steps"."settled_at" is not null) = ("longshore"."pipeline_steps"."settled" is not null))
);
--> statement-breakpoint
ALTER TABLE "longshore"."job_attempts" DROP CONSTRAINT "job_attempts_outcome";--> statement-breakpoint
DROP INDEX "longshore"."jobs_parent";--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "step_key" text;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "step_index" integer;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "steps" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "wakes" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD COLUMN "suspended_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "longshore"."pipeline_events" ADD CONSTRAINT "pipeline_events_pipeline_id_jobs_id_fk" FOREIGN KEY ("pipeline_id") REFERENCES "longshore"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "longshore"."pipeline_steps" ADD CONSTRAINT "pipeline_steps_pipeline_id_jobs_id_fk" FOREIGN KEY ("pipeline_id") REFERENCES "longshore"."jobs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "pipeline_events_name" ON "longshore"."pipeline_events" USING btree ("pipeline_id","name","id");--> statement-breakpoint
CREATE UNIQUE INDEX "pipeline_steps_position" ON "longshore"."pipeline_steps" USING btree ("pipeline_id","position");--> statement-breakpoint
CREATE INDEX "pipeline_steps_due" ON "longshore"."pipeline_steps" USING btree ("wake_at") WHERE "longshore"."pipeline_steps"."settled" is null and "longshore"."pipeline_steps"."wake_at" is not null;--> statement-breakpoint
CREATE INDEX "jobs_open_steps" ON "longshore"."jobs" USING btree ("parent_id","step_key","step_index") WHERE "longshore"."jobs"."step_key" is not null and "longshore"."jobs"."status" not in ('completed', 'failed', 'cancelled', 'expired');--> statement-breakpoint
CREATE INDEX "jobs_parent" ON "longshore"."jobs" USING btree ("parent_id","step_key","step_index") WHERE "longshore"."jobs"."parent_id" is not null;--> statement-breakpoint
ALTER TABLE "longshore"."job_attempts" ADD CONSTRAINT "job_attempts_outcome" CHECK ("longshore"."job_attempts"."outcome" in ('failed', 'retrying', 'cancelled', 'worker_lost', 'put_back', 'waiting'));--> statement-breakpoint
ALTER TABLE "longshore"."jobs" ADD CONSTRAINT "jobs_step" CHECK ("longshore"."jobs"."step_key" is null or "longshore"."jobs"."parent_id" is not null);