/**
 * Writes docs/reference/query-plans.md: the plans of what the program does all the time, with millions of jobs in the record.
 * Starts a PostgreSQL of its own. Usage: node scripts/explain-plans.ts
 */
import { writeFileSync } from 'node:fs';
import { openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { explainHotStatements, fillJobs } from '../test/support/plans.ts';
import { startTestPostgres } from '../test/support/postgres.ts';

const SIZE = { finished: 3_000_000, queued: 1_000_000, handedOver: 10_000, scheduled: 100_000, blocked: 10_000 };
const BATCH = 500;
const PATH = new URL('../docs/reference/query-plans.md', import.meta.url);

const log = createLogger({ level: 'warn', format: 'pretty', stream: process.stderr });
const postgres = await startTestPostgres();
try {
  await migrate(postgres.url, log);
  const database = openDatabase({ url: postgres.url, poolSize: 2, log });
  await fillJobs(database, SIZE);
  const [server] = await database.query<{ version: string }>(`select current_setting('server_version') as version`);
  const plans = await explainHotStatements(database, BATCH);
  await database.close();
  const counts = Object.entries(SIZE).map(
    ([status, count]) =>
      `${count.toLocaleString('en')} ${status.replace('handedOver', 'queued and handed over').replace('blocked', 'that wait for others of their key')}`,
  );
  const text = [
    '<!-- Made by `node scripts/explain-plans.ts`: do not edit. -->',
    '# Query plans',
    '',
    'How PostgreSQL does what Longshore asks of it all the time. None of these statements walks through the table of jobs, so',
    'none becomes slower with what has finished or with what waits; a test (`test/contract/plans.test.ts`) keeps it so.',
    '',
    `PostgreSQL ${server?.version}, jobs: ${counts.join(', ')}; statements for ${BATCH} jobs at once.`,
    ...plans.flatMap(({ name, lines }) => [
      '',
      `## ${name[0]?.toUpperCase()}${name.slice(1)}`,
      '',
      '```text',
      ...lines,
      '```',
    ]),
    '',
  ];
  writeFileSync(PATH, text.join('\n'));
} finally {
  await postgres.stop();
}
