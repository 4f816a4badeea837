import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import ipaddr from 'ipaddr.js';
import type { z } from 'zod';
import {
  concurrencyOverride,
  connectorSecrets,
  type EnvSource,
  rateLimitOverride,
  type Setting,
  settings,
} from './env-settings.ts';
import { AppError, type FieldError } from './shared/errors.ts';

type Settings = typeof settings;
type ValueOf<Entry> =
  Entry extends Setting<infer Schema, infer Default>
    ? z.output<Schema> | (Default extends undefined ? undefined : never)
    : never;

/** The validated configuration. Folders are absolute; what has neither value nor default is undefined. */
export type Env = { readonly [Key in keyof Settings]: ValueOf<Settings[Key]> } & {
  /** Concurrency by the queue's name as in QUEUE_CONCURRENCY_<QUEUE>; read it with {@link findConcurrencyOverride}. */
  readonly concurrencyOverrides: ReadonlyMap<string, number>;
  /** The same for QUEUE_RATE_LIMIT_<QUEUE>; read it with {@link findRateLimitOverride}. */
  readonly rateLimitOverrides: ReadonlyMap<string, RateLimitOverride>;
  /** By the name as in CONNECTOR_SECRET_<NAME>. */
  readonly connectorSecrets: ReadonlyMap<string, { origin: string; secret: string }>;
};

export type RateLimitOverride = z.output<typeof rateLimitOverride.schema>;

/**
 * Validates the whole configuration.
 * @throws INVALID_CONFIGURATION with every fault: its name, its value (secrets as ***) and what is allowed
 */
export function loadEnv(source: EnvSource = process.env, cwd: string = process.cwd()): Env {
  const given = dropEmpty(source);
  const faults: FieldError[] = [];
  const values: Partial<Record<keyof Env, unknown>> = {};
  for (const [key, entry] of Object.entries(settings) as [keyof Settings, Settings[keyof Settings]][]) {
    const value = given[entry.name] ?? (typeof entry.default === 'function' ? entry.default(given) : entry.default);
    values[key] = value === undefined ? undefined : read<unknown>(entry, value, faults);
  }
  values.concurrencyOverrides = readNamed(concurrencyOverride, given, faults);
  values.rateLimitOverrides = readNamed(rateLimitOverride, given, faults);
  values.connectorSecrets = readNamed({ ...connectorSecrets, secret: 'all' }, given, faults);
  const env = values as Env; // complete, unless there are faults
  faults.push(...checkTogether(env, given, cwd));
  if (faults.length > 0) throw createFault(faults);
  return {
    ...env,
    dataDir: resolve(cwd, env.dataDir),
    jobsDir: resolve(cwd, env.jobsDir),
    storageDir: resolve(cwd, env.storageDir),
    emailTemplatesDir: resolve(cwd, env.emailTemplatesDir),
    fileRoots: env.fileRoots.map((root) => resolve(cwd, root)),
  };
}

/**
 * Adds what the `.env` file of `cwd` sets, if there is one, to the environment, so that job files see it too.
 * A variable that is set already, even to nothing, wins.
 * @throws INVALID_CONFIGURATION when the file exists but cannot be read
 */
export function readEnvFile(cwd: string, target: EnvSource = process.env): EnvSource {
  const path = join(cwd, '.env');
  if (!statSync(path, { throwIfNoEntry: false })) return target;
  try {
    for (const [name, value] of Object.entries(parseEnv(readFileSync(path, 'utf8')))) target[name] ??= value;
  } catch (cause) {
    throw new AppError('INVALID_CONFIGURATION', `${path} cannot be read`, { cause });
  }
  return target;
}

/** @returns the value of QUEUE_CONCURRENCY_<QUEUE>, which goes before what the queue's definition says */
export function findConcurrencyOverride(env: Pick<Env, 'concurrencyOverrides'>, queue: string): number | undefined {
  return env.concurrencyOverrides.get(overrideNameOf(queue));
}

/** @returns the value of QUEUE_RATE_LIMIT_<QUEUE>, which goes before what the queue's definition says */
export function findRateLimitOverride(
  env: Pick<Env, 'rateLimitOverrides'>,
  queue: string,
): RateLimitOverride | undefined {
  return env.rateLimitOverrides.get(overrideNameOf(queue));
}

/** `email-bulk` → `EMAIL_BULK` */
export function overrideNameOf(queue: string): string {
  return queue.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
}

/** Hides the passwords of a URL, so that it may be logged; what cannot be read for certain is hidden as a whole. */
export function redactUrl(url: string): string {
  const parsed = URL.parse(url);
  if (!parsed?.href.startsWith(`${parsed.protocol}//`)) return '***';
  // A password with an unescaped "/" or "#" ends the host too early: what follows then still holds the "@".
  if (`${parsed.pathname}${parsed.search}${parsed.hash}`.includes('@')) return '***';
  if (parsed.password !== '') parsed.password = '***';
  for (const name of [...parsed.searchParams.keys()]) {
    if (/pass|pwd|secret|token|key/i.test(name)) parsed.searchParams.set(name, '***');
  }
  return parsed.toString();
}

function dropEmpty(source: EnvSource): EnvSource {
  const trimmed = Object.entries(source).map(([name, value]) => [name, value?.trim()] as const);
  return Object.fromEntries(trimmed.filter(([, value]) => value !== undefined && value !== ''));
}

function read<Value>(
  entry: Pick<Setting<z.ZodType<Value, string>, unknown>, 'name' | 'schema' | 'secret' | 'explain'>,
  value: string,
  faults: FieldError[],
): Value | undefined {
  const result = entry.schema.safeParse(value);
  if (result.success) return result.data;
  const explained = entry.explain?.(value) ?? [];
  faults.push(...explained.map((message) => ({ path: entry.name, message })));
  if (explained.length > 0) return undefined;
  const shown = entry.secret === 'all' ? '***' : entry.secret === 'url' ? redactUrl(value) : JSON.stringify(value);
  faults.push({ path: entry.name, message: `is ${shown}; allowed: ${entry.schema.description}` });
  return undefined;
}

function readNamed<Value>(
  { prefix, schema, secret }: { prefix: string; schema: z.ZodType<Value, string>; secret?: 'all' },
  given: EnvSource,
  faults: FieldError[],
): Map<string, Value> {
  const named = new Map<string, Value>();
  for (const [name, text] of Object.entries(given)) {
    if (!name.startsWith(prefix) || text === undefined) continue;
    const value = read({ name, schema, secret }, text, faults);
    if (value !== undefined) named.set(name.slice(prefix.length), value);
  }
  return named;
}

// Only values that passed on their own are checked here, so that no fault is reported twice.
function checkTogether(env: Partial<Env>, given: EnvSource, cwd: string): FieldError[] {
  const faults: FieldError[] = [];
  if (env.mode !== 'worker' && env.host !== undefined && !isLoopback(env.host) && given.ADMIN_KEY === undefined) {
    const allowed = 'a loopback address such as 127.0.0.1, or any address together with ADMIN_KEY';
    faults.push({
      path: 'HOST',
      message: `is ${JSON.stringify(env.host)}, and ADMIN_KEY is not set; allowed: ${allowed}`,
    });
  }
  if (env.jobsDir !== undefined) {
    const found = statSync(resolve(cwd, env.jobsDir), { throwIfNoEntry: false });
    if (found ? !found.isDirectory() : given.JOBS_DIR !== undefined) {
      const path = JSON.stringify(env.jobsDir);
      faults.push({ path: 'JOBS_DIR', message: `is ${path}, which is not a folder; allowed: the path of a folder` });
    }
  }
  return faults;
}

function createFault(faults: FieldError[]): AppError {
  const { size } = new Set(faults.map((fault) => fault.path));
  const count = size === 1 ? 'One setting is' : `${size} settings are`;
  const lines = faults.map((fault) => `  ${fault.path} ${fault.message}`);
  return new AppError('INVALID_CONFIGURATION', [`${count} not valid:`, ...lines].join('\n'), { errors: faults });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || (ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback');
}
