/**
 * Writes `.env.example` and `docs/reference/configuration.md` from the tables of settings, and `docs/reference/jobs` from the
 * definitions of the built-in jobs. With `--check` it writes nothing and fails when they are stale, or when a document names a file that does not exist.
 */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { concurrencyOverride, connectorSecrets, rateLimitOverride, settings } from '../src/env-settings.ts';
import { smtpOptions } from '../src/shared/smtp-options.ts';
import { JOB_PAGES, writeJobPages } from './docs/job-pages.ts';
import { writeTable } from './docs/markdown-table.ts';

interface Row {
  name: string;
  group: string;
  description: string;
  allowed: string;
  /** As one writes it in `.env`; empty when there is none. */
  example: string;
  defaultText: string;
}

const rows: Row[] = Object.values(settings).flatMap((entry) => {
  const example = (typeof entry.default === 'function' ? entry.default({}) : entry.default) ?? '';
  const defaultText = entry.defaultText ?? (example === '' ? 'none' : `\`${example}\``);
  const row = { ...entry, allowed: entry.schema.description ?? '', example, defaultText };
  const listNamed = (
    named: string,
    parts: readonly { prefix: string; description: string; schema: { description?: string | undefined } }[],
  ) =>
    parts.map(({ prefix, description, schema }) => {
      const about = { description, allowed: schema.description ?? '', example: '', defaultText: 'none' };
      return { ...row, ...about, name: `${prefix}<${named}>` };
    });
  if (entry.name === 'QUEUE_CONCURRENCY') return [row, ...listNamed('QUEUE', [concurrencyOverride, rateLimitOverride])];
  if (entry.name === 'OUTBOUND_PER_HOST') return [row, ...listNamed('NAME', [connectorSecrets])];
  return [row];
});
const groups = [...new Set(rows.map((row) => row.group))];

function writeEnvExample(): string {
  const lines = groups.flatMap((group) => [
    `# ---- ${group}`,
    '',
    ...rows
      .filter((row) => row.group === group)
      .flatMap((row) => [
        `# ${row.description.replaceAll('`', '')}`,
        `# Allowed: ${row.allowed}`,
        `# ${row.name}=${row.example}`,
        '',
      ]),
  ]);
  return [
    '# Copy this file to .env and remove the # of what you set. Made by `npm run docs`: do not edit.',
    '',
    ...lines,
  ].join('\n');
}

function writeSmtpOptions(): string[] {
  const listed = Object.entries(smtpOptions).map(([name, option]) => [
    `\`${name}\``,
    option.defaultText ?? `\`${option.default}\``,
    option.description,
    option.allowed,
  ]);
  return [
    '### Options of SMTP_URL',
    '',
    'They follow as a query: `smtp://user:password@mail.example.com:587?requireTLS=true&maxConnections=10`. Others stop the start.',
    '',
    ...writeTable(['option', 'default', 'what it does', 'allowed'], listed),
    '',
  ];
}

function writeReference(): string {
  const tables = groups.flatMap((group) => [
    `## ${group}`,
    '',
    ...writeTable(
      ['name', 'default', 'what it does', 'allowed'],
      [
        ...rows
          .filter((row) => row.group === group)
          .map((row) => [`\`${row.name}\``, row.defaultText, row.description, row.allowed]),
      ],
    ),
    '',
    ...(group === 'E-mail' ? writeSmtpOptions() : []),
  ]);
  return [
    '<!-- Made by `npm run docs` from src/env-settings.ts and src/shared/smtp-options.ts: do not edit. -->',
    '# Configuration',
    '',
    'Longshore is configured by environment variables. A file `.env` in the folder where it starts is read too; what the',
    'environment sets already goes first. An empty value counts as not set. The start checks everything and lists all faults',
    'at once; `.env.example` holds every setting with its default.',
    '',
    ...tables,
  ].join('\n');
}

const generated: Record<string, string> = {
  '.env.example': writeEnvExample(),
  'docs/reference/configuration.md': writeReference(),
  ...writeJobPages(),
};
const abandoned = globSync(JOB_PAGES).filter((path) => !(path.replaceAll('\\', '/') in generated));

function findStale(): string[] {
  const changed = Object.entries(generated)
    .filter(([path, content]) => !existsSync(path) || readFileSync(path, 'utf8') !== content)
    .map(([path]) => path);
  return [...changed, ...abandoned].map((path) => `${path} is stale: run \`npm run docs\``);
}

/** Paths of this repository, in prose or as the target of a link, that lead nowhere. */
function findDeadPaths(): string[] {
  const documents = [...globSync('*.md'), ...globSync('docs/**/*.md')].filter((path) => path !== 'CHANGELOG.md');
  return documents.flatMap((document) => {
    const text = readFileSync(document, 'utf8');
    // A name with a placeholder (`src/api/routes/<resource>.ts`, `src/**`) is not a path.
    const named = [...text.matchAll(/(?<![\w./-])(?:src|docs|test|scripts)\/[\w./-]*(?![\w./<>*{…-])/g)].map(
      ([path]) => path,
    );
    const linked = [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map((match) =>
      join(dirname(document), match[1] ?? ''),
    );
    // Decisions of the past may name what has gone since.
    const paths = document.startsWith('docs/adr/') ? linked : [...named, ...linked];
    const dead = [...new Set(paths)].filter((path) => !existsSync(path.replace(/[.,]$/, '')));
    return dead.map((path) => `${document} names ${path}, which does not exist`);
  });
}

if (process.argv.includes('--check')) {
  const faults = [...findStale(), ...findDeadPaths()];
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
} else {
  for (const [path, content] of Object.entries(generated)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    console.log(`wrote ${path}`);
  }
  for (const path of abandoned) rmSync(path);
}
