import type { Command } from 'commander';
import { type Env, loadEnv, readEnvFile } from '../env.ts';
import { isAppError } from '../shared/errors.ts';
import { messageOf } from '../shared/failure.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type CliContext, printJson } from './context.ts';
import { UsageError } from './exit-codes.ts';

export function registerAdmin(program: Command, cli: CliContext): void {
  const admin = program.command('admin').description('look after the database; needs no running program');
  admin
    .command('migrate')
    .description('apply the database migrations that are missing')
    .addHelpText('after', '\nThe database is that of DATABASE_URL, else the embedded one in DATA_DIR.')
    .action((_flags: unknown, command: Command) => runMigrations(cli, command.optsWithGlobals().json === true));
  admin
    .command('webhook-secret')
    .description('print the secret that webhooks are signed with')
    .addHelpText('after', '\nIt is WEBHOOK_SECRET, else the one that this installation made for itself.')
    .action((_flags: unknown, command: Command) => printWebhookSecret(cli, command.optsWithGlobals().json === true));
}

async function printWebhookSecret(cli: CliContext, isJson: boolean): Promise<void> {
  const { env, log } = await prepare(cli);
  let secret = env.webhookSecret;
  if (secret === undefined) {
    await withDatabase(env, log, async (url) => {
      secret = await readWebhookSecret(url, log);
    });
  }
  if (isJson) return printJson(cli, { webhookSecret: secret });
  cli.terminal.print(secret ?? '');
}

async function readWebhookSecret(url: string, log: Logger): Promise<string> {
  await migrateDatabase(url, log);
  const [{ openDatabase }, { createSettingStore, WEBHOOK_SECRET_SETTING }, { createWebhookSecret }] = await Promise.all(
    [import('../store/database.ts'), import('../store/settings.ts'), import('../shared/webhook-signature.ts')],
  );
  const database = openDatabase({ url, poolSize: 1, log });
  try {
    return await createSettingStore(database).getOrCreate(WEBHOOK_SECRET_SETTING, createWebhookSecret);
  } finally {
    await database.close();
  }
}

async function prepare(cli: CliContext): Promise<{ env: Env; log: Logger }> {
  const env = loadEnv(readEnvFile(cli.cwd, { ...cli.environment }), cli.cwd);
  // Only here: no other command needs the database's libraries.
  const { createLogger } = await import('../telemetry/logger.ts');
  return { env, log: createLogger({ level: 'warn', format: env.logFormat ?? 'pretty', stream: process.stderr }) };
}

async function runMigrations(cli: CliContext, isJson: boolean): Promise<void> {
  const { env, log } = await prepare(cli);
  await withDatabase(env, log, migrateDatabase);
  if (isJson) return printJson(cli, { migrated: true });
  cli.terminal.print(`${cli.terminal.colors.green('✔')} The database is up to date.`);
}

type DatabaseTask = (databaseUrl: string, log: Logger) => Promise<void>;

async function withDatabase(env: Env, log: Logger, act: DatabaseTask): Promise<void> {
  if (env.databaseUrl !== undefined) return act(env.databaseUrl, log);
  const { startEmbeddedPostgres } = await import('../store/embedded-postgres.ts');
  const embedded = await startEmbeddedPostgres({ dataDir: env.dataDir, log });
  try {
    await act(embedded.url, log);
  } finally {
    await embedded.stop();
  }
}

async function migrateDatabase(databaseUrl: string, log: Logger): Promise<void> {
  const { migrate } = await import('../store/migrate.ts');
  const { toStoreError } = await import('../store/database.ts');
  try {
    await migrate(databaseUrl, log);
  } catch (thrown) {
    const error = toStoreError(thrown);
    if (isAppError(error)) throw error;
    throw new UsageError(`the migration failed: ${messageOf(rootCause(error))}`, { cause: error });
  }
}

/** drizzle wraps what PostgreSQL said into the text of the query. */
function rootCause(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootCause(error.cause) : error;
}
