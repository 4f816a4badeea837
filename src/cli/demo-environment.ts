import type { Environment } from './terminal.ts';

/**
 * Every setting of the program but those that the demo chooses. They are passed on as empty, which counts as unset,
 * so that neither the caller's environment nor a `.env` redirects the demo; a test compares the list with env.ts.
 */
export const SETTINGS_LEFT_AT_DEFAULT = [
  'NODE_ENV',
  'SHUTDOWN_TIMEOUT_MS',
  'CONNECT_TIMEOUT_MS',
  'DATA_DIR',
  'PUBLIC_URL',
  'ADMIN_KEY',
  'MAX_BODY_BYTES',
  'DATABASE_URL',
  'EXPORT_DATABASE_URL',
  'DATABASE_POOL_SIZE',
  'AUTO_MIGRATE',
  'REDIS_URL',
  'QUEUE_PREFIX',
  'JOBS_DIR',
  'QUEUES',
  'QUEUE_CONCURRENCY',
  'LOCK_DURATION_MS',
  'STALLED_INTERVAL_MS',
  'DISPATCH_INTERVAL_MS',
  'DISPATCH_BATCH_SIZE',
  'DISPATCH_WINDOW',
  'RECONCILE_INTERVAL_MS',
  'LEADER_LEASE_MS',
  'POLL_INTERVAL_MS',
  'MAX_OUTPUT_BYTES',
  'THREADS_MIN',
  'THREADS_MAX',
  'THREADS_IDLE_MS',
  'THREADS_QUEUE',
  'THREAD_MEMORY_MB',
  'RETENTION_COMPLETED_DAYS',
  'RETENTION_FAILED_DAYS',
  'RETENTION_NOTIFICATION_DAYS',
  'STORAGE_DIR',
  'STORAGE_URL',
  'MAX_UPLOAD_BYTES',
  'RETENTION_UPLOAD_DAYS',
  'FILE_ROOTS',
  'OUTBOUND_ALLOW_PRIVATE',
  'OUTBOUND_ALLOW',
  'OUTBOUND_HOSTS',
  'OUTBOUND_PER_HOST',
  'OUTBOUND_TIMEOUT_MS',
  'OUTBOUND_MAX_BYTES',
  'ALERT_WEBHOOK_URL',
  'SMTP_URL',
  'EMAIL_FROM',
  'EMAIL_TEMPLATES_DIR',
  'OPENAI_BASE_URL',
  'OPENAI_API_KEY',
  'OPENAI_MODEL',
  'OPENAI_IMAGE_MODEL',
  'AI_TOKENS_PER_DAY',
  'AI_COST_PER_DAY',
  'AI_PRICES',
  'LOG_LEVEL',
];

export function createChildEnvironment(
  environment: Environment,
  chosen: { port: number; webhookSecret: string },
): Record<string, string | undefined> {
  const overrides = Object.keys(environment).filter((name) => /^QUEUE_(CONCURRENCY|RATE_LIMIT)_/.test(name));
  return {
    ...environment,
    ...Object.fromEntries([...SETTINGS_LEFT_AT_DEFAULT, ...overrides].map((name) => [name, ''])),
    MODE: 'all',
    HOST: '127.0.0.1',
    PORT: String(chosen.port),
    WEBHOOK_SECRET: chosen.webhookSecret,
    LOG_FORMAT: 'pretty',
    FFMPEG_PATH: environment.FFMPEG_PATH ?? '', // where a program is on this machine changes nothing else
    NO_COLOR: '1',
    FORCE_COLOR: undefined, // even an empty one would make Node warn
  };
}
