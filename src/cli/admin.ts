import type { Command } from 'commander';
import type { Logger } from '../telemetry/logger.ts';
import { migrateDatabase, prepare, withDatabase } from './admin-database.ts';
import { runDoctor } from './admin-doctor.ts';
import { runReconcile } from './admin-reconcile.ts';
import { type CliContext, printJson } from './context.ts';

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
  admin
    .command('doctor')
    .description('look at everything that jobs depend on, and say what to do')
    .addHelpText('after', '\nChanges nothing. Give it the settings of the program. Exit code 1: something is wrong.')
    .action((_flags: unknown, command: Command) => runDoctor(cli, command.optsWithGlobals().json === true));
  admin
    .command('reconcile')
    .description('compare the record with the queues now, and repair what differs')
    .addHelpText('after', '\nA running program does so by itself. Safe beside it. Give it the settings of the program.')
    .action((_flags: unknown, command: Command) => runReconcile(cli, command.optsWithGlobals().json === true));
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

async function runMigrations(cli: CliContext, isJson: boolean): Promise<void> {
  const { env, log } = await prepare(cli);
  await withDatabase(env, log, migrateDatabase);
  if (isJson) return printJson(cli, { migrated: true });
  cli.terminal.print(`${cli.terminal.colors.green('✔')} The database is up to date.`);
}
