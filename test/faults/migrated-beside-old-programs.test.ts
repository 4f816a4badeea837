import { readFileSync } from 'node:fs';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createTestDatabase, runSql } from '../support/postgres.ts';
import { waitFor } from '../support/wait-for.ts';

/** The last one of the version before. */
const BEFORE = '0004_catalogue';

const read = (path: string) => readFileSync(new URL(`../../drizzle/${path}`, import.meta.url), 'utf8');

/** A database as programs of the version before left it. */
async function createOldDatabase(): Promise<string> {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const { entries } = JSON.parse(read('meta/_journal.json')) as { entries: { tag: string; when: number }[] };
  const old = entries.slice(0, entries.findIndex(({ tag }) => tag === BEFORE) + 1);
  const history = `
    create schema longshore_migrations;
    create table longshore_migrations.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
    insert into longshore_migrations.__drizzle_migrations (hash, created_at) values ('', ${old.at(-1)?.when})`;
  await runSql(database.url, [...old.map(({ tag }) => read(`${tag}.sql`)), history].join(';\n'));
  return database.url;
}

it('migrates while an old program does a bulk action, and neither of them is in the way of the other', async () => {
  const url = await createOldDatabase();
  await runSql(
    url,
    `insert into longshore.bulk_actions (id, action, filter, matched) values (gen_random_uuid(), 'cancel', '{}', 1)`,
  );
  const old = new pg.Client({ connectionString: url });
  await old.connect();
  onTestFinished(() => old.end());
  await old.query('begin');
  await old.query('select id from longshore.bulk_actions for update');

  const migrated = migrate(url, createLogger({ level: 'error', format: 'json' }));
  const blocked = `select 1 from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())`;
  await waitFor(async () => (await runSql(url, blocked)).length > 0, {
    describe: 'the migration waits for the old program',
  });
  await old.query('select id from longshore.jobs for update');
  await old.query('commit');
  await migrated;
  expect(await runSql(url, 'select gate from longshore.jobs')).toEqual([]);
});
