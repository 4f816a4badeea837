import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Child } from '../support/child.ts';
import { type Block, literally, readBlocks } from '../support/documents.ts';
import { findFreePort } from '../support/free-port.ts';
import { runWhenOrphaned } from '../support/orphan-guard.ts';
import { npmEnvironment, packRepository } from '../support/packed.ts';
import { Installation, Program } from '../support/program.ts';

const DOCUMENT = 'docs/guides/quickstart.md';
const TIMEOUT_MS = 300_000;
const COMPILER = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));
const STOP_AND_REMOVE = `
  note="$1/my-jobs/.longshore/postgres/data/postmaster.pid"
  test -e "$note" && kill -QUIT "$(head -n 1 "$note")"
  rm -rf "$1"`;

let installation: Installation; // ends what still runs
let folder: string;
let port: number;
let guard: { runNow(): Promise<void> };

beforeAll(async () => {
  installation = await Installation.create();
  folder = await mkdtemp(join(tmpdir(), 'longshore-newcomer-'));
  guard = runWhenOrphaned(STOP_AND_REMOVE, folder);
  mkdirSync(join(folder, 'checkout'));
  writeFileSync(join(folder, 'where'), join(folder, 'checkout'));
  port = await findFreePort();
});
afterAll(async () => {
  await installation?.remove();
  await guard?.runNow();
});

const currentFolder = () => readFileSync(join(folder, 'where'), 'utf8').trim();
const translate = (text: string) => text.replaceAll(/(?<=:)3001\b/g, String(port));

/** One terminal of the newcomer: where a block has gone to, the next one begins. */
async function runInShell(code: string): Promise<string> {
  const script = `trap 'pwd > "${join(folder, 'where')}"' EXIT\n${translate(code)}`;
  const env = {
    ...npmEnvironment(),
    npm_config_prefer_offline: 'true',
    LONGSHORE_URL: `http://127.0.0.1:${port}`,
  };
  const child = new Child('bash', ['--norc', '-euo', 'pipefail', '-c', script], { cwd: currentFolder(), env });
  const { code: exitCode } = await child.ended;
  const output = stripVTControlCharacters(child.output);
  expect(exitCode, output).toBe(0);
  return output;
}

async function startProgram(code: string): Promise<Program> {
  const [command = '', ...args] = code.trim().split(' ');
  const env = { ...npmEnvironment(), PORT: String(port) };
  const program = new Program(command, args, { cwd: currentFolder(), env, isGroup: true });
  installation.watchOver(program);
  return program.waitUntilReady();
}

async function follow({ kind, subject, code, shows }: Block): Promise<Program | undefined> {
  if (kind === 'pack') await packRepository(folder);
  if (kind === 'start') return startProgram(code);
  if (kind === 'file') writeFileSync(join(currentFolder(), subject), translate(code));
  if (kind === 'install' || kind === 'run') {
    const output = await runInShell(code);
    if (shows !== undefined) expect(output).toMatch(literally(shows));
  }
  return undefined;
}

it('a newcomer gets from npm install to a typed job call with the quickstart alone', {
  timeout: TIMEOUT_MS,
}, async () => {
  let program: Program | undefined;
  for (const block of readBlocks(DOCUMENT)) {
    expect(block.kind, `${DOCUMENT}:${block.line} would not be followed`).not.toMatch(/not run|^$/);
    program = (await follow(block)) ?? program;
  }
  writeFileSync(join(currentFolder(), 'wrong.ts'), readCall().replace("name: 'Lin'", 'name: 17'));
  const { code, output } = await compile();
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringMatching(/^wrong\.ts.*TS2322.*\n$/) });
  await program?.stop('SIGINT'); // npm, which stands before it, ends by the signal
  expect(program?.output).toMatch(/SIGINT: stopping/);
});

const readCall = () => readFileSync(join(currentFolder(), 'call.ts'), 'utf8');

/** With the settings that `init` wrote, and no other file. */
async function compile(): Promise<{ code: number | null; output: string }> {
  const child = new Child(process.execPath, [COMPILER, '--noEmit', '--project', '.', '--pretty', 'false'], {
    cwd: currentFolder(),
    env: npmEnvironment(),
  });
  const { code } = await child.ended;
  return { code, output: child.output };
}
