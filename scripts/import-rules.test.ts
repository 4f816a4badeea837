import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Every line breaks one rule: the file, what it imports, and the rule that must say so. */
const violations: [file: string, code: string, rule: string][] = [
  ['src/shared/a.ts', `import '../contract/ok.ts'`, 'shared-imports'],
  ['src/contract/a.ts', `import '../define/ok.ts'`, 'contract-imports'],
  ['src/telemetry/a.ts', `import '../contract/ok.ts'`, 'telemetry-imports'],
  ['src/define/a.ts', `import '../store/ok.ts'`, 'define-imports'],
  ['src/store/a.ts', `import '../queue/ok.ts'`, 'store-imports'],
  ['src/storage/a.ts', `import '../store/ok.ts'`, 'storage-imports'],
  ['src/services/a.ts', `import '../engine/ok.ts'`, 'services-imports'],
  ['src/queue/a.ts', `import '../engine/ok.ts'`, 'queue-imports'],
  ['src/engine/a.ts', `import '../worker/ok.ts'`, 'engine-imports'],
  ['src/worker/a.ts', `import '../api/ok.ts'`, 'worker-imports'],
  ['src/api/a.ts', `import '../worker/ok.ts'`, 'api-imports'],
  ['src/api/type.ts', `import type { T } from '../worker/ok.ts'; export type U = T`, 'api-imports'],
  ['src/api/types.ts', `export type * from '../worker/ok.ts'`, 'api-imports'],
  ['src/api/lazy.ts', `export const load = async () => import('../worker/ok.ts')`, 'api-imports'],
  ['src/api/using.ts', `export async function f() { using x = (await import('../worker/ok.ts')).d; }`, 'api-imports'],
  ['src/api/helper.ts', `import '../../test/support/ok.ts'`, 'api-imports'],
  ['src/builtin/a.ts', `import '../shared/ok.ts'`, 'builtin-imports'],
  ['src/client/a.ts', `import '../engine/ok.ts'`, 'client-imports'],
  ['src/cli/jobs.ts', `import '../engine/ok.ts'`, 'cli-imports'],
  ['src/cli/start.ts', `import '../worker/ok.ts'`, 'local-commands-imports'],
  ['src/main.ts', `import './client/ok.ts'`, 'main-imports'],
  ['src/env.ts', `import './store/ok.ts'`, 'env-imports'],
  ['src/index.ts', `import './engine/ok.ts'`, 'index-imports'],
  ['src/testing.ts', `import './engine/ok.ts'`, 'testing-imports'],
  ['src/engine/sql.ts', `import 'pg'`, 'owner-of-pg'],
  ['src/engine/sql-type.ts', `import type { SQL } from 'drizzle-orm'; export type S = SQL`, 'owner-of-pg'],
  ['src/engine/redis.ts', `import 'ioredis'`, 'owner-of-bullmq'],
  ['src/store/bull.ts', `import 'bullmq'`, 'owner-of-bullmq'],
  ['src/worker/http.ts', `import 'express'`, 'owner-of-express'],
  ['src/worker/helmet.ts', `import 'helmet'`, 'owner-of-express'],
  ['src/engine/log.ts', `import 'winston'`, 'owner-of-winston'],
  ['src/main.ts', `import 'commander'`, 'owner-of-commander'],
  ['src/novel/a.ts', `import '../shared/ok.ts'`, 'known-layer-importer'],
  ['src/engine/novel.ts', `import '../novel/ok.ts'`, 'known-layer'],
  ['src/engine/env.ts', `import type { Env } from '../env.ts'; export type E = Env`, 'env-readers'],
  ['src/cli/demo.ts', `import '../env-settings.ts'`, 'env-readers'],
  ['src/engine/try.ts', `import '../testing.ts'`, 'no-tests-in-production'],
  ['src/engine/tested.ts', `import './ok.test.ts'`, 'no-tests-in-production'],
  ['src/engine/dev.ts', `import 'vitest'`, 'no-dev-dependencies'],
  ['src/engine/stray.ts', `import 'semver'`, 'no-dev-dependencies'],
  ['src/engine/ring-a.ts', `import './ring-b.ts'`, 'no-cycles'],
  ['src/engine/nowhere.ts', `import './missing.ts'`, 'resolvable'],
];

const clean: [file: string, code: string][] = [
  [
    'src/api/fine.ts',
    `import '../engine/ok.ts'; import 'express'; import type { T } from './fine-too.ts'; export type A = T`,
  ],
  ['src/api/fine-too.ts', `import type { A } from './fine.ts'; export type T = A[]`], // types may refer to each other
  ['src/api/fine.test.ts', `import '../worker/ok.ts'; import 'vitest'; import '../../test/support/ok.ts'`],
  ['src/builtin/fine.ts', `import '../define/ok.ts'; import 'zod'; import 'node:fs'`],
  ['src/cli/admin.ts', `import '../env.ts'; import '../engine/ok.ts'; import '../main.ts'`],
  ['src/cli/index.ts', `import './admin.ts'; import '../client/ok.ts'; import 'commander'`],
  ['src/engine/ring-b.ts', `import './ring-a.ts'`],
];

interface Violation {
  from: string;
  to: string;
  rule: { name: string };
}

let project: string;
let found: Violation[];

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'longshore-rules-'));
  symlinkSync(resolve('node_modules'), join(project, 'node_modules'));
  copyFileSync('package.json', join(project, 'package.json'));
  const parts = [
    ...['shared', 'contract', 'telemetry', 'define', 'storage', 'store', 'services'],
    ...['queue', 'engine', 'worker', 'api', 'client'],
  ];
  for (const part of [...parts, 'novel', 'engine/ok.test', '../test/support']) {
    write(part.endsWith('.test') ? `src/${part}.ts` : `src/${part}/ok.ts`, 'export type T = 1; export const d = null;');
  }
  write('src/env-settings.ts', '');
  for (const [file, code] of [...violations, ...clean]) write(file, `${code};`);

  const program = resolve('node_modules/.bin/depcruise');
  const config = resolve('.dependency-cruiser.mjs');
  const run = spawnSync(program, ['src', '--config', config, '--output-type', 'json'], {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 100_000_000,
  });
  found = (JSON.parse(run.stdout) as { summary: { violations: Violation[] } }).summary.violations;
}, 60_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

function write(file: string, code: string): void {
  const path = join(project, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, code, { flag: 'a' });
}

describe('the import rules', () => {
  it.each(violations)('refuse in %s: %s', (file, _code, rule) => {
    expect(found.filter((violation) => violation.from === file).map((violation) => violation.rule.name)).toContain(
      rule,
    );
  });

  it.each(clean.filter(([file]) => file !== 'src/engine/ring-b.ts'))('allow in %s: %s', (file) => {
    expect(found.filter((violation) => violation.from === file)).toEqual([]);
  });

  it('are each proven above', () => {
    const rules = new Set(violations.map(([, , rule]) => rule));
    const config = readFileSync('.dependency-cruiser.mjs', 'utf8');
    for (const name of [...config.matchAll(/^ {6}name: '([^']+)'/gm)].map((match) => match[1]))
      expect(rules).toContain(name);
    expect(rules.size).toBeGreaterThan(25);
  });
});
