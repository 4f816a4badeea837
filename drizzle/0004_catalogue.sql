CREATE TABLE "longshore"."ai_usage" (
	"tenant" text NOT NULL,
	"day" date NOT NULL,
	"model" text NOT NULL,
	"calls" integer DEFAULT 0 NOT NULL,
	"input_tokens" bigint DEFAULT 0 NOT NULL,
	"output_tokens" bigint DEFAULT 0 NOT NULL,
	"cost_micros" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "ai_usage_tenant_day_model_pk" PRIMARY KEY("tenant","day","model")
);
--> statement-breakpoint
CREATE TABLE "longshore"."files" (
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"tenant" text NOT NULL,
	"is_upload" boolean NOT NULL,
	"content_type" text,
	"bytes" bigint NOT NULL,
	"sha256" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"removed_at" timestamp with time zone,
	CONSTRAINT "files_id_name_pk" PRIMARY KEY("id","name")
);
--> statement-breakpoint
CREATE TABLE "longshore"."notifications" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant" text NOT NULL,
	"user" text NOT NULL,
	"title" text NOT NULL,
	"body" text DEFAULT '' NOT NULL,
	"link" text,
	"data" jsonb DEFAULT '{}' NOT NULL,
	"job_id" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"read_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "longshore"."records" (
	"tenant" text NOT NULL,
	"collection" text NOT NULL,
	"id" text NOT NULL,
	"data" jsonb NOT NULL,
	"hash" text NOT NULL,
	"snapshot_id" uuid NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "records_tenant_collection_id_pk" PRIMARY KEY("tenant","collection","id")
);
--> statement-breakpoint
CREATE INDEX "files_expires" ON "longshore"."files" USING btree ("expires_at") WHERE "longshore"."files"."expires_at" is not null and "longshore"."files"."removed_at" is null;--> statement-breakpoint
CREATE INDEX "files_removed" ON "longshore"."files" USING btree ("removed_at") WHERE "longshore"."files"."removed_at" is not null;--> statement-breakpoint
CREATE INDEX "notifications_user" ON "longshore"."notifications" USING btree ("tenant","user","id");--> statement-breakpoint
CREATE UNIQUE INDEX "notifications_job" ON "longshore"."notifications" USING btree ("job_id") WHERE "longshore"."notifications"."job_id" is not null;--> statement-breakpoint
CREATE INDEX "records_snapshot" ON "longshore"."records" USING btree ("tenant","collection","snapshot_id") WHERE "longshore"."records"."deleted_at" is null;