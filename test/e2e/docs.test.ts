/**
 * Runs what the documents tell people to do. A comment before a code block says how it is checked:
 *
 *   <!-- file: jobs/hello.ts -->   the block is that file; TypeScript is type-checked too
 *   <!-- run -->                   a shell runs the block; variables live on to the next one
 *   <!-- start -->                 the block starts the program: the test does, with the same settings
 *   <!-- restart -->               the same, after stopping the programs that run
 *   <!-- background -->            a shell runs the block until the document ends
 *   <!-- types -->                 TypeScript that is only type-checked
 *   <!-- pack -->, <!-- install -->  left to quickstart.test.ts, which installs the package as npm does
 *   <!-- not run: why -->          nothing happens; the reason is for readers of the source
 *
 * `; shows: text` after run or background demands that text in the output, `; later: text` (background) by the end.
 * `; needs: program` leaves a block out where the machine does not have the program.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv, stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { HELLO_JOB } from '../../src/cli/init-templates.ts';
import { jobReasons } from '../../src/contract/job.ts';
import { Child } from '../support/child.ts';
import { type Block, literally, readBlocks } from '../support/documents.ts';
import { findFreePort } from '../support/free-port.ts';
import { BIN, baseEnvironment, createFolder, Installation, type Program, type Settings } from '../support/program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENTS = [
  'README.md',
  'docs/guides/quickstart.md',
  'docs/guides/client.md',
  'docs/guides/other-languages.md',
  'docs/guides/write-a-job.md',
  'docs/guides/pipelines.md',
  'docs/guides/webhooks.md',
  'docs/guides/dead-letters.md',
  'docs/guides/deploy.md',
  'docs/guides/tenants.md',
  'docs/guides/isolation.md',
  'docs/guides/video.md',
  'docs/guides/email.md',
  'docs/guides/data.md',
  'docs/guides/schedules.md',
  'docs/guides/guarantees.md',
  'docs/guides/bulk.md',
  'docs/guides/cli.md',
  'docs/guides/transactional-enqueue.md',
  'docs/reference/http-api.md',
  'docs/reference/job-api.md',
  'examples/README.md',
];
const KEY = 'a-key-for-the-tests';
const RUN_LIMIT_MS = 60_000;
const isMissing = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0;
const missing = ['bash', 'curl', 'openssl'].filter(isMissing);

/** A folder in which a reader follows one document from its first line to its last. */
class Reader {
  readonly #installation: Installation;
  readonly #ports: Record<string, number>;
  readonly #background: { child: Child; block: Block }[] = [];
  readonly #programs: Program[] = [];

  private constructor(installation: Installation, ports: Record<string, number>) {
    this.#installation = installation;
    this.#ports = ports;
  }

  static async create(): Promise<Reader> {
    const installation = await Installation.create({ isEmbedded: true, settings: { JOBS_DIR: '' } });
    for (const folder of ['bin', join('node_modules', '.bin')]) {
      mkdirSync(join(installation.folder, folder), { recursive: true });
    }
    symlinkSync(BIN, join(installation.folder, 'bin', 'longshore.js'));
    symlinkSync(join(ROOT, 'examples'), join(installation.folder, 'examples'));
    symlinkSync(BIN, join(installation.folder, 'node_modules', '.bin', 'longshore'));
    const names = ['3001', '3003', '4000'];
    const ports = await Promise.all(names.map(() => findFreePort()));
    return new Reader(installation, Object.fromEntries(names.map((name, index) => [name, ports[index] ?? 0])));
  }

  get folder(): string {
    return this.#installation.folder;
  }

  async follow(block: Block): Promise<void> {
    if (block.needs !== undefined && isMissing(block.needs)) return;
    if (block.kind === 'file') this.#write(block);
    if (block.kind === 'restart') await this.#stopPrograms();
    if (block.kind === 'start' || block.kind === 'restart') await this.#start(block);
    if (block.kind === 'run') await this.#run(block);
    if (block.kind === 'background') await this.#runInBackground(block);
  }

  /** What a document says will be seen by its end. */
  async finish(): Promise<void> {
    for (const { child, block } of this.#background) {
      if (block.later !== undefined) await child.waitForOutput(literally(block.later));
    }
  }

  async remove(): Promise<void> {
    await Promise.all(this.#background.map(({ child }) => child.stop('SIGKILL')));
    await this.#installation.remove();
  }

  #write({ subject, code }: Block): void {
    const path = join(this.folder, subject);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, this.#translate(code));
  }

  async #start({ code }: Block): Promise<void> {
    const given = parseEnv(this.#translate(code).replaceAll(/[ \\]+/g, '\n')) as Settings;
    const port = this.#ports[given.MODE === 'worker' ? '3003' : '3001'];
    const program = this.#installation.launch({ ...given, PORT: String(port) });
    this.#programs.push(program);
    await program.waitUntilReady();
  }

  async #stopPrograms(): Promise<void> {
    for (const program of this.#programs.splice(0)) {
      expect(await program.stop('SIGTERM'), program.output).toEqual({ code: 0, signal: null });
    }
  }

  async #run(block: Block): Promise<void> {
    const state = join(this.folder, 'variables.sh');
    const load = `test -e '${state}' && . '${state}'`;
    // The documents' own variables are in lower case; those of bash are not.
    const save = `trap 'declare -p | grep -E "^declare -- [a-z]+=" > ${state} || true' EXIT`;
    const child = this.#shell(`${load}\n${save}\n${this.#translate(block.code)}`);
    const timer = setTimeout(() => child.signal('SIGKILL'), RUN_LIMIT_MS);
    const { code } = await child.ended;
    clearTimeout(timer);
    const output = stripVTControlCharacters(child.output);
    expect(code, output).toBe(0);
    if (block.shows !== undefined) expect(output).toMatch(literally(block.shows));
  }

  async #runInBackground(block: Block): Promise<void> {
    const child = this.#shell(`exec ${this.#translate(block.code)}`);
    this.#background.push({ child, block });
    if (block.shows !== undefined) await child.waitForOutput(literally(block.shows));
  }

  #shell(script: string): Child {
    const { PATH, ...base } = baseEnvironment();
    const env = {
      ...base,
      PATH: [join(ROOT, 'node_modules', '.bin'), PATH].join(delimiter),
      NODE_OPTIONS: `--import ${RESOLVE_PACKAGES}`,
      npm_config_offline: 'true',
      XDG_CONFIG_HOME: join(this.folder, '.config'), // nothing is left in the home of whoever runs the tests
      XDG_STATE_HOME: join(this.folder, '.state'),
      DATA_DIR: this.#installation.settings.DATA_DIR ?? '', // `admin` looks where the programs have their database
      LONGSHORE_URL: `http://127.0.0.1:${this.#ports['3001']}`,
      LONGSHORE_KEY: KEY,
    };
    return new Child('bash', ['--norc', '-euo', 'pipefail', '-c', script], { cwd: this.folder, env });
  }

  /** Ports and servers of the documents become those of the test. */
  #translate(text: string): string {
    return Object.entries(this.#ports)
      .reduce((all, [name, port]) => all.replaceAll(new RegExp(`(?<=[:(])${name}\\b`, 'g'), String(port)), text)
      .replaceAll('redis://localhost:6379', inject('redisUrl'))
      .replaceAll('<your key>', KEY);
  }
}

const urlOf = (path: string) => new URL(`../../${path}`, import.meta.url).href;
/**
 * Stands for what npm would install: `longshore` is this repository, whether it has been built or not, and other packages
 * are its own. Nothing is linked into the folder, so that no npm command of a document can reach the real packages.
 */
const RESOLVE_PACKAGES = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const own = {
    longshore: '${urlOf('src/index.ts')}',
    'longshore/testing': '${urlOf('src/testing.ts')}',
    'longshore/client': '${urlOf('src/client.ts')}',
  };
  registerHooks({
    resolve(name, context, next) {
      if (own[name]) return { url: own[name], shortCircuit: true };
      try {
        return next(name, context);
      } catch (error) {
        if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
        return next(name, { ...context, parentURL: '${urlOf('package.json')}' });
      }
    },
  });
`)}`;

describe.skipIf(missing.length > 0)(`a reader${missing.length > 0 ? ` without ${missing.join(', ')}` : ''}`, () => {
  let reader: Reader | undefined;
  afterEach(async () => {
    await reader?.remove();
    reader = undefined;
  });

  it.each(DOCUMENTS)('can follow %s from its first line to its last', { timeout: 120_000 }, async (document) => {
    reader = await Reader.create();
    for (const block of readBlocks(document)) {
      try {
        await reader.follow(block);
      } catch (error) {
        throw new Error(`${document}:${block.line} ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    await reader.finish();
  });
});

describe('documents', () => {
  it('mark every block of shell and code with how it is checked', () => {
    const kinds = ['file', 'run', 'start', 'restart', 'background', 'types', 'pack', 'install', 'not run'];
    const open = DOCUMENTS.flatMap((document) =>
      readBlocks(document)
        .filter(({ language, kind }) => ['sh', 'ts', 'js', ''].includes(language) && !kinds.includes(kind))
        .map(({ line }) => `${document}:${line}`),
    );
    expect(open).toEqual([]);
  });

  it('show TypeScript that the compiler accepts', { timeout: 120_000 }, async () => {
    const folder = await createFolder();
    try {
      for (const [index, document] of DOCUMENTS.entries()) {
        mkdirSync(join(folder.path, `doc${index}`, 'jobs'), { recursive: true });
        writeFileSync(join(folder.path, `doc${index}`, 'jobs', 'hello.ts'), HELLO_JOB); // as `init` does
        for (const { language, kind, subject, code, line } of readBlocks(document)) {
          if (language !== 'ts' || kind === 'not run') continue;
          const path = join(folder.path, `doc${index}`, kind === 'file' ? subject : `line-${line}.ts`);
          mkdirSync(dirname(path), { recursive: true });
          writeFileSync(path, code);
        }
      }
      expect(await compile(folder.path)).toBe('');
    } finally {
      await folder.remove();
    }
  });

  it('explain only reasons that a job can have', () => {
    const reasons = readTable('docs/reference/errors.md', 'reason').map(([reason = '']) => reason.replaceAll('`', ''));
    expect(jobReasons).toEqual(expect.arrayContaining(reasons));
    expect(reasons).toEqual([...new Set(reasons)]);
  });

  it('give a reason for every dependency, and for no other', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const text = readFileSync(join(ROOT, 'docs/dependencies.md'), 'utf8');
    const named = [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
    const wanted = [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies].flatMap(
      Object.keys,
    );
    expect(named.sort()).toEqual(wanted.sort());
  });
});

/** The rows of the table whose first heading is this. */
function readTable(document: string, heading: string): string[][] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const [, body = ''] = new RegExp(`^\\| ${heading} +\\|.*\\n\\|[-| ]+\\n((?:\\|.*\\n)+)`, 'm').exec(text) ?? [];
  return body
    .trim()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** @returns what the compiler finds wrong, with the settings of a reader's project */
async function compile(folder: string): Promise<string> {
  const source = (path: string) => [join(ROOT, 'src', path)];
  const tsconfig = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      allowImportingTsExtensions: true,
      rewriteRelativeImportExtensions: false,
      noUnusedLocals: false,
      typeRoots: [join(ROOT, 'node_modules', '@types')],
      paths: {
        longshore: source('index.ts'),
        'longshore/testing': source('testing.ts'),
        'longshore/client': source('client.ts'),
      },
    },
    include: ['doc*/**/*.ts'],
  };
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules')); // what a reader installs, e.g. drizzle-orm
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
  const child = new Child(process.execPath, [tsc, '--project', '.', '--pretty', 'false'], {
    cwd: folder,
    env: baseEnvironment(),
  });
  await child.ended;
  return child.output;
}
