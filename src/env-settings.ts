import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { queueNameSchema } from './contract/enqueue.ts';
import { isAiPrice, readAiPrices } from './shared/ai-prices.ts';
import { parseEmailAddress } from './shared/email-address.ts';
import { isHostEntry } from './shared/host-list.ts';
import { readSmtpUrl } from './shared/smtp-url.ts';

export type EnvSource = Record<string, string | undefined>;

export interface Setting<Schema extends z.ZodType<unknown, string>, Default> {
  name: string;
  group: string;
  description: string;
  /** Reads the text of the variable; its own description says what is allowed. */
  schema: Schema;
  /** As one would write it in `.env`; undefined: the setting is optional. */
  default: Default;
  /** For the docs, where the default depends on something else. */
  defaultText?: string;
  /** `url`: only the password is hidden. */
  secret?: 'all' | 'url';
  /** What is wrong with a value, where that says more than the value beside what is allowed. Shows no secret. */
  explain?: (text: string) => string[];
}

type DefaultText = string | ((source: EnvSource) => string);

function setting<Schema extends z.ZodType<unknown, string>, Default extends DefaultText | undefined = undefined>(
  definition: Omit<Setting<Schema, Default>, 'default'> & { default?: Default },
): Setting<Schema, Default> {
  return { ...definition, default: definition.default as Default };
}

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max))
    .describe(`a whole number from ${min} to ${max}`);
const oneOf = <const Value extends string>(...values: Value[]) => z.enum(values).describe(values.join(' or '));
const flag = z.stringbool({ truthy: ['true', '1'], falsy: ['false', '0'] }).describe('true or false');
const text = z.string().max(4096);
const folder = text.describe('the path of a folder');
const list = <Schema extends z.ZodType<string, string>>(item: Schema) =>
  z
    .string()
    .transform((value) => value.split(',').flatMap((part) => part.trim() || []))
    .pipe(z.array(item).min(1));
const urlOf = (...protocols: string[]) =>
  text
    .refine((value) => protocols.includes(URL.parse(value)?.protocol ?? ''))
    .describe(`a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`);

const LOOPBACK_RANGES = '127.0.0.0/8,::1/128';

/** Every setting, in the order of the docs. `.env.example` and the reference table are made from this. */
export const settings = {
  mode: setting({
    name: 'MODE',
    group: 'Program',
    description: 'What this process does: serve the API, run jobs, or both.',
    schema: oneOf('api', 'worker', 'all'),
    default: 'all',
  }),
  nodeEnv: setting({
    name: 'NODE_ENV',
    group: 'Program',
    description: 'With `production`, jobs and webhooks may not call this machine unless OUTBOUND_ALLOW says so.',
    schema: text.regex(/^[\w.-]+$/).describe('a word, e.g. production, development or test'),
    default: 'development',
  }),
  shutdownTimeoutMs: setting({
    name: 'SHUTDOWN_TIMEOUT_MS',
    group: 'Program',
    description: 'How long a stop lets running jobs finish before they are aborted and put back.',
    schema: wholeNumber(0, 3_600_000),
    default: '15000',
  }),
  connectTimeoutMs: setting({
    name: 'CONNECT_TIMEOUT_MS',
    group: 'Program',
    description: 'How long the start waits for PostgreSQL and Redis to answer.',
    schema: wholeNumber(0, 3_600_000),
    default: '30000',
  }),
  dataDir: setting({
    name: 'DATA_DIR',
    group: 'Program',
    description: 'Where the embedded PostgreSQL keeps its data.',
    schema: folder,
    default: '.longshore',
  }),
  host: setting({
    name: 'HOST',
    group: 'HTTP',
    description:
      'The address to listen on. Anything but this machine needs ADMIN_KEY (except the health port of a worker).',
    schema: text.refine(isHost).describe('an IP address or a host name'),
    default: '127.0.0.1',
  }),
  port: setting({
    name: 'PORT',
    group: 'HTTP',
    description: 'The port of the API; with MODE=worker that of its health checks. 0 takes any free port.',
    schema: wholeNumber(0, 65_535),
    default: (source: EnvSource) => (source.MODE === 'worker' ? '3003' : '3001'),
    defaultText: '3001; 3003 with MODE=worker',
  }),
  publicUrl: setting({
    name: 'PUBLIC_URL',
    group: 'HTTP',
    description: 'Where others reach the API. The URLs of files begin with it; without it they are paths.',
    schema: urlOf('http:', 'https:')
      .refine((value) => !/[?#]/.test(value))
      .transform((value) => value.replace(/\/+$/, ''))
      .describe('a URL that begins with http:// or https://, without "?" and "#"'),
  }),
  adminKey: setting({
    name: 'ADMIN_KEY',
    group: 'HTTP',
    description:
      'The key that may do everything, sent as `Authorization: Bearer …`; it makes keys for others. Without it the API is open to this machine only.',
    schema: text.regex(/^[\x21-\x7e]{16,}$/).describe('at least 16 ASCII characters without spaces'),
    secret: 'all',
  }),
  maxBodyBytes: setting({
    name: 'MAX_BODY_BYTES',
    group: 'HTTP',
    description: 'The largest request body.',
    schema: wholeNumber(1024, 104_857_600),
    default: '1048576',
  }),
  databaseUrl: setting({
    name: 'DATABASE_URL',
    group: 'PostgreSQL',
    description: 'PostgreSQL 14 or later. Without it the program starts its own PostgreSQL in DATA_DIR.',
    schema: urlOf('postgres:', 'postgresql:'),
    secret: 'url',
  }),
  exportDatabaseUrl: setting({
    name: 'EXPORT_DATABASE_URL',
    group: 'PostgreSQL',
    description:
      'Where `data:export` runs the queries of JOBS_DIR, read only: a replica, or the database of your application.',
    schema: urlOf('postgres:', 'postgresql:'),
    defaultText: 'DATABASE_URL',
    secret: 'url',
  }),
  databasePoolSize: setting({
    name: 'DATABASE_POOL_SIZE',
    group: 'PostgreSQL',
    description: 'Connections that one process keeps at most, besides one for signs of life and one for LISTEN.',
    schema: wholeNumber(2, 200),
    default: '10',
  }),
  autoMigrate: setting({
    name: 'AUTO_MIGRATE',
    group: 'PostgreSQL',
    description: 'Whether the start applies new migrations; if not, run `longshore admin migrate`.',
    schema: flag,
    default: 'true',
  }),
  redisUrl: setting({
    name: 'REDIS_URL',
    group: 'Redis',
    description: 'Redis 6.2 or later, or Valkey. With it BullMQ delivers the jobs; without it PostgreSQL does.',
    schema: urlOf('redis:', 'rediss:'),
    secret: 'url',
  }),
  queuePrefix: setting({
    name: 'QUEUE_PREFIX',
    group: 'Redis',
    description: 'What the keys of all queues in Redis begin with.',
    schema: text.regex(/^[\w.:{}-]{1,100}$/).describe('1 to 100 letters, digits or . _ - : { }'),
    default: 'bull',
  }),
  jobsDir: setting({
    name: 'JOBS_DIR',
    group: 'Jobs',
    description: 'Your job files (`.ts` or `.js`). It may be missing unless you set it.',
    schema: folder,
    default: 'jobs',
  }),
  queues: setting({
    name: 'QUEUES',
    group: 'Jobs',
    description: 'The queues that this worker serves.',
    schema: list(queueNameSchema).describe('names of queues (letters, digits, . _ -), separated by commas'),
    defaultText: 'all',
  }),
  queueConcurrency: setting({
    name: 'QUEUE_CONCURRENCY',
    group: 'Jobs',
    description: 'Jobs of one queue that this process runs at once, where the queue itself does not say.',
    schema: wholeNumber(1, 1000),
    default: '5',
  }),
  lockDurationMs: setting({
    name: 'LOCK_DURATION_MS',
    group: 'Jobs',
    description: 'How long a worker may be silent before its jobs count as lost.',
    schema: wholeNumber(1000, 3_600_000),
    default: '15000',
  }),
  stalledIntervalMs: setting({
    name: 'STALLED_INTERVAL_MS',
    group: 'Jobs',
    description: 'How often to look for lost jobs. With LOCK_DURATION_MS it bounds the restart after a dead worker.',
    schema: wholeNumber(100, 3_600_000),
    default: '10000',
  }),
  dispatchIntervalMs: setting({
    name: 'DISPATCH_INTERVAL_MS',
    group: 'Jobs',
    description: 'How often due jobs are looked for and handed to their transport.',
    schema: wholeNumber(10, 60_000),
    default: '1000',
  }),
  dispatchBatchSize: setting({
    name: 'DISPATCH_BATCH_SIZE',
    group: 'Jobs',
    description: 'Jobs handed over in one statement.',
    schema: wholeNumber(50, 1000),
    default: '500',
  }),
  dispatchWindow: setting({
    name: 'DISPATCH_WINDOW',
    group: 'Jobs',
    description:
      'With Redis: how many jobs of a queue wait in it, and how many retries. The others wait in PostgreSQL.',
    schema: wholeNumber(1, 1_000_000),
    default: '1000',
  }),
  reconcileIntervalMs: setting({
    name: 'RECONCILE_INTERVAL_MS',
    group: 'Jobs',
    description:
      'With Redis: how often all that it should hold is compared with the record. A lost Redis is noticed sooner.',
    schema: wholeNumber(100, 3_600_000),
    default: '15000',
  }),
  leaderLeaseMs: setting({
    name: 'LEADER_LEASE_MS',
    group: 'Jobs',
    description: 'One process leads rescue, repair and clean-up. When it dies, another takes over after this long.',
    schema: wholeNumber(1000, 600_000),
    default: '10000',
  }),
  pollIntervalMs: setting({
    name: 'POLL_INTERVAL_MS',
    group: 'Jobs',
    description: 'Without Redis: how often a worker looks for jobs when no notification arrives.',
    schema: wholeNumber(10, 600_000),
    default: '2000',
  }),
  maxOutputBytes: setting({
    name: 'MAX_OUTPUT_BYTES',
    group: 'Jobs',
    description: 'The largest output of a job, as JSON.',
    schema: wholeNumber(1024, 104_857_600),
    default: '1048576',
  }),
  threadsMin: setting({
    name: 'THREADS_MIN',
    group: 'Isolated jobs',
    description: 'Threads for jobs with `isolation: thread` that are kept ready once the first such job has run.',
    schema: wholeNumber(0, 64),
    default: '1',
  }),
  threadsMax: setting({
    name: 'THREADS_MAX',
    group: 'Isolated jobs',
    description: 'Threads, and apart from them child processes, that run at most at once.',
    schema: wholeNumber(1, 64),
    default: '4',
  }),
  threadsIdleMs: setting({
    name: 'THREADS_IDLE_MS',
    group: 'Isolated jobs',
    description: 'How long a thread that is not needed is kept.',
    schema: wholeNumber(0, 3_600_000),
    default: '30000',
  }),
  threadsQueue: setting({
    name: 'THREADS_QUEUE',
    group: 'Isolated jobs',
    description: 'Jobs that wait for a thread or child process; from then on the worker takes no more of their queues.',
    schema: wholeNumber(1, 10_000),
    default: '100',
  }),
  threadMemoryMb: setting({
    name: 'THREAD_MEMORY_MB',
    group: 'Isolated jobs',
    description: 'The largest heap of a thread or child process. A job that needs more fails, alone.',
    schema: wholeNumber(32, 65_536),
    default: '256',
  }),
  retentionCompletedDays: setting({
    name: 'RETENTION_COMPLETED_DAYS',
    group: 'Jobs',
    description: 'How long jobs are kept that completed, were cancelled or expired. 0 keeps them for ever.',
    schema: wholeNumber(0, 36_500),
    default: '7',
  }),
  retentionFailedDays: setting({
    name: 'RETENTION_FAILED_DAYS',
    group: 'Jobs',
    description: 'How long failed jobs, the dead letters, are kept. 0 keeps them for ever.',
    schema: wholeNumber(0, 36_500),
    default: '30',
  }),
  retentionNotificationDays: setting({
    name: 'RETENTION_NOTIFICATION_DAYS',
    group: 'Jobs',
    description: 'How long the messages of `GET /v1/notifications` are kept, read or not. 0 keeps them for ever.',
    schema: wholeNumber(0, 36_500),
    default: '90',
  }),
  storageDir: setting({
    name: 'STORAGE_DIR',
    group: 'Files and network',
    description: 'Where jobs keep the files that they make.',
    schema: folder,
    default: (source: EnvSource) => join(source.DATA_DIR ?? '.longshore', 'files'),
    defaultText: '`files` in DATA_DIR',
  }),
  storageUrl: setting({
    name: 'STORAGE_URL',
    group: 'Files and network',
    description:
      'Where files are kept: `file:///…`, or `s3://bucket/prefix?endpoint=…&region=…` with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY as usual.',
    schema: urlOf('file:', 's3:'),
    defaultText: 'STORAGE_DIR',
    secret: 'url',
  }),
  maxUploadBytes: setting({
    name: 'MAX_UPLOAD_BYTES',
    group: 'Files and network',
    description: 'The largest file that `POST /v1/files` takes.',
    schema: wholeNumber(1, 999_999_999_999_999),
    default: '1073741824',
  }),
  retentionUploadDays: setting({
    name: 'RETENTION_UPLOAD_DAYS',
    group: 'Files and network',
    description: 'How long uploaded files are kept. 0 keeps them for ever.',
    schema: wholeNumber(0, 36_500),
    default: '7',
  }),
  fileRoots: setting({
    name: 'FILE_ROOTS',
    group: 'Files and network',
    description: 'The folders that jobs may read files from.',
    schema: list(folder).describe('paths of folders, separated by commas'),
    default: '.',
    defaultText: 'the current folder',
  }),
  outboundAllowPrivate: setting({
    name: 'OUTBOUND_ALLOW_PRIVATE',
    group: 'Files and network',
    description: 'Whether jobs and webhooks may call private addresses.',
    schema: flag,
    default: 'false',
  }),
  outboundAllow: setting({
    name: 'OUTBOUND_ALLOW',
    group: 'Files and network',
    description: 'Private addresses that jobs and webhooks may call all the same.',
    schema: z
      .string()
      .transform((value) => (value === 'none' ? '' : value))
      .transform((value) => value.split(',').flatMap((part) => part.trim() || []))
      .pipe(z.array(z.string().refine(isHostEntry)))
      .describe('CIDR ranges, addresses, host names or wildcards like *.example.com, separated by commas, or none'),
    default: (source: EnvSource) => (source.NODE_ENV === 'production' ? 'none' : LOOPBACK_RANGES),
    defaultText: `${LOOPBACK_RANGES}; none with NODE_ENV=production`,
  }),
  outboundHosts: setting({
    name: 'OUTBOUND_HOSTS',
    group: 'Files and network',
    description:
      'Where it is set, jobs and webhooks may call these hosts alone. Private addresses must be allowed all the same.',
    schema: list(z.string().refine(isHostEntry)).describe(
      'CIDR ranges, addresses, host names or wildcards like *.example.com, separated by commas',
    ),
  }),
  outboundPerHost: setting({
    name: 'OUTBOUND_PER_HOST',
    group: 'Files and network',
    description: 'Requests to one host that a process has under way at most; further ones wait.',
    schema: wholeNumber(1, 10_000),
    default: '32',
  }),
  outboundTimeoutMs: setting({
    name: 'OUTBOUND_TIMEOUT_MS',
    group: 'Files and network',
    description: 'How long a call may take, to the last byte of its answer, where the job sets no limit of its own.',
    schema: wholeNumber(1000, 604_800_000),
    default: '900000',
  }),
  outboundMaxBytes: setting({
    name: 'OUTBOUND_MAX_BYTES',
    group: 'Files and network',
    description: 'What no answer may exceed, after decompression, whatever the job allows.',
    schema: wholeNumber(1024, 999_999_999_999_999),
    default: String(10 * 1024 ** 3),
    defaultText: '10737418240 (10 GiB)',
  }),
  webhookSecret: setting({
    name: 'WEBHOOK_SECRET',
    group: 'Files and network',
    description: 'Signs webhooks (Standard Webhooks). Make one: `whsec_` and the output of `openssl rand -base64 32`.',
    schema: text.refine(isWebhookSecret).describe('whsec_ followed by 24 to 64 bytes in base64'),
    secret: 'all',
  }),
  alertWebhookUrl: setting({
    name: 'ALERT_WEBHOOK_URL',
    group: 'Files and network',
    description:
      'Where to tell of failed jobs, at most once a minute for each kind of failure: `{"text": "…"}`, as Slack takes it. A private address must be allowed as for webhooks.',
    schema: urlOf('http:', 'https:'),
    secret: 'all',
  }),
  smtpUrl: setting({
    name: 'SMTP_URL',
    group: 'E-mail',
    description:
      'The server that sends e-mail: `smtp://` (with STARTTLS where the server offers it) or `smtps://`, with user and password. Options such as `?requireTLS=true` follow: docs/reference/configuration.md lists them.',
    schema: text
      .refine((value) => readSmtpUrl(value) !== undefined)
      .describe('a URL that begins with smtp:// or smtps://'),
    secret: 'url',
    explain: listSmtpUrlFaults,
  }),
  emailFrom: setting({
    name: 'EMAIL_FROM',
    group: 'E-mail',
    description: 'The sender of e-mails that name none, e.g. `Shop <shop@example.com>`.',
    schema: text
      .refine((value) => parseEmailAddress(value) !== undefined)
      .describe('an address, or a name and an address in angle brackets'),
  }),
  emailTemplatesDir: setting({
    name: 'EMAIL_TEMPLATES_DIR',
    group: 'E-mail',
    description: 'Templates of e-mails: `<name>.subject.txt`, `<name>.txt`, `<name>.html`.',
    schema: folder,
    default: 'templates',
  }),
  ffmpegPath: setting({
    name: 'FFMPEG_PATH',
    group: 'Video',
    description: 'The ffmpeg that makes videos.',
    schema: text.describe('the path of a program, or its name in PATH'),
    defaultText: '`ffmpeg` in PATH, else the one of the npm package `@ffmpeg-installer/ffmpeg`',
  }),
  openAiBaseUrl: setting({
    name: 'OPENAI_BASE_URL',
    group: 'AI',
    description:
      'An OpenAI-compatible server, e.g. `https://api.openai.com/v1`, for `chat:complete` and the scripts of videos; those are written offline without it. A private address must be allowed as for jobs.',
    schema: urlOf('http:', 'https:'),
    secret: 'url',
  }),
  openAiApiKey: setting({
    name: 'OPENAI_API_KEY',
    group: 'AI',
    description: 'The key for OPENAI_BASE_URL, where it wants one.',
    schema: text.regex(/^[\x21-\x7e]+$/).describe('ASCII characters without spaces'),
    secret: 'all',
  }),
  openAiModel: setting({
    name: 'OPENAI_MODEL',
    group: 'AI',
    description: 'The model that writes.',
    schema: text.describe('the name of a model'),
    default: 'gpt-4o-mini',
  }),
  openAiImageModel: setting({
    name: 'OPENAI_IMAGE_MODEL',
    group: 'AI',
    description: 'The model that paints backgrounds, e.g. `gpt-image-1`. Without it they are plain.',
    schema: text.describe('the name of a model'),
  }),
  aiTokensPerDay: setting({
    name: 'AI_TOKENS_PER_DAY',
    group: 'AI',
    description: 'Tokens that the `chat:complete` jobs of one tenant may use in a day (UTC). 0 sets no limit.',
    schema: wholeNumber(0, 999_999_999_999_999),
    default: '0',
  }),
  aiCostPerDay: setting({
    name: 'AI_COST_PER_DAY',
    group: 'AI',
    description: 'What they may cost in a day, in the currency of AI_PRICES. 0 sets no limit.',
    schema: z
      .string()
      .regex(/^\d{1,12}(\.\d{1,6})?$/)
      .transform(Number)
      .describe('a number such as 25 or 2.50'),
    default: '0',
  }),
  aiPrices: setting({
    name: 'AI_PRICES',
    group: 'AI',
    description:
      'What models cost for a million tokens, input/output, e.g. `gpt-4o-mini=0.15/0.60`. Models that are not listed count as free.',
    schema: list(z.string().refine(isAiPrice))
      .transform(readAiPrices)
      .describe('model=input/output, separated by commas'),
  }),
  logLevel: setting({
    name: 'LOG_LEVEL',
    group: 'Logs',
    description: 'The least severe lines that are written.',
    schema: oneOf('error', 'warn', 'info', 'debug'),
    default: 'info',
  }),
  logFormat: setting({
    name: 'LOG_FORMAT',
    group: 'Logs',
    description: 'One JSON object a line, or text for people.',
    schema: oneOf('json', 'pretty'),
    defaultText: 'pretty on a terminal, else json',
  }),
};

/** Sets the concurrency of one queue; the name is made by {@link overrideNameOf}. */
export const concurrencyOverride = {
  prefix: 'QUEUE_CONCURRENCY_',
  schema: settings.queueConcurrency.schema,
  description: 'The same for one queue, above all else: its name in capitals, other characters as `_` (`EMAIL_BULK`).',
};

/** Secrets that connectors may send, each to one origin. */
export const connectorSecrets = {
  prefix: 'CONNECTOR_SECRET_',
  schema: text
    .regex(/^https?:\/\/[^\s/?#@]+\/? +[\x21-\x7e][\x20-\x7e]*$/)
    .transform((value) => {
      const [, address = '', secret = ''] = /^(\S+) +(.*)$/.exec(value) ?? [];
      return { origin: new URL(address).origin, secret };
    })
    .describe('an origin, a space, and the secret in ASCII, e.g. `https://api.example.com 3f9a…`'),
  description:
    'A secret that jobs `records:download` of every tenant may name, here `<NAME>`, and that is sent to this origin alone.',
};

const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const RATE_LIMIT = /^(?<max>\d{1,7})\/(?<count>\d{0,8})(?<unit>ms|s|m|h)$/;

/** Sets the rate limit of one queue; the name is made by {@link overrideNameOf}. */
export const rateLimitOverride = {
  prefix: 'QUEUE_RATE_LIMIT_',
  schema: z
    .string()
    .transform(readRateLimit)
    .refine((limit) => limit === 'none' || (inRange(limit?.max, 1_000_000) && inRange(limit?.durationMs, 86_400_000)))
    .transform((limit) => limit as NonNullable<typeof limit>)
    .describe('jobs/time such as `50/1s`, `100/1m` or `1000/h`, a day at most; or `none`'),
  description:
    'How many jobs of a queue start within a time, over all workers together, above all else: named as with concurrency.',
};

function readRateLimit(text: string): { max: number; durationMs: number } | 'none' | undefined {
  if (text === 'none') return 'none';
  const { max, count, unit } = RATE_LIMIT.exec(text)?.groups ?? {};
  if (unit === undefined) return undefined;
  return { max: Number(max), durationMs: Number(count || 1) * unitsMs[unit as keyof typeof unitsMs] };
}

function inRange(value: number | undefined, max: number): boolean {
  return value !== undefined && value >= 1 && value <= max;
}

function listSmtpUrlFaults(text: string): string[] {
  const faults: string[] = [];
  readSmtpUrl(text, faults);
  return faults;
}

function isHost(value: string): boolean {
  return ipaddr.isValid(value) || /^(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.?$/.test(value);
}

function isWebhookSecret(value: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(value)?.[1];
  if (base64 === undefined || base64.length % 4 !== 0) return false;
  const { length } = Buffer.from(base64, 'base64');
  return length >= 24 && length <= 64;
}
