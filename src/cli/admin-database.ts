import { type Env, loadEnv, readEnvFile } from '../env.ts';
import { isAppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { CliContext } from './context.ts';
import { UsageError } from './exit-codes.ts';

/** The program's settings, and a logger to standard error. @throws INVALID_CONFIGURATION */
export async function prepare(cli: CliContext, level: 'warn' | 'error' = 'warn'): Promise<{ env: Env; log: Logger }> {
  const env = loadEnv(readEnvFile(cli.cwd, { ...cli.environment }), cli.cwd);
  // Only here: no other command needs the database's libraries.
  const { createLogger } = await import('../telemetry/logger.ts');
  return { env, log: createLogger({ level, format: env.logFormat ?? 'pretty', stream: process.stderr }) };
}

type DatabaseTask = (databaseUrl: string, log: Logger) => Promise<void>;

/** Lends the database of DATABASE_URL, else the embedded one, which is made when it is missing. */
export async function withDatabase(env: Env, log: Logger, act: DatabaseTask): Promise<void> {
  if (env.databaseUrl !== undefined) return act(env.databaseUrl, log);
  const { startEmbeddedPostgres } = await import('../store/embedded-postgres.ts');
  const embedded = await startEmbeddedPostgres({ dataDir: env.dataDir, log });
  try {
    await act(embedded.url, log);
  } finally {
    await embedded.stop();
  }
}

/**
 * A command that looks at what is there makes no database: where there is none, it most likely looks in the wrong place.
 * @throws UsageError
 */
export async function requireDatabase(env: Env): Promise<void> {
  if (env.databaseUrl !== undefined) return;
  const { hasEmbeddedPostgres } = await import('../store/embedded-postgres.ts');
  if (hasEmbeddedPostgres(env.dataDir)) return;
  const way = 'give this command the settings of the program, or run it in the folder where that starts';
  throw new UsageError(`DATABASE_URL is not set, and ${env.dataDir} holds no database: ${way}`);
}

export async function migrateDatabase(databaseUrl: string, log: Logger): Promise<void> {
  const { migrate } = await import('../store/migrate.ts');
  const { toStoreError } = await import('../store/database-errors.ts');
  try {
    await migrate(databaseUrl, log);
  } catch (thrown) {
    const error = toStoreError(thrown);
    if (isAppError(error)) throw error;
    throw new UsageError(`the migration failed: ${messageOf(error)}`, { cause: error });
  }
}
