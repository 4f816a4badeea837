import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../../test/support/child.ts';
import { createFakeCli } from '../../test/support/fake-cli.ts';
import { type FakeServer, makeJob, startFakeServer } from '../../test/support/fake-server.ts';
import { BIN, baseEnvironment, createFolder } from '../../test/support/program.ts';
import { shells, writeCompletion } from './completion-scripts.ts';
import { describeProgram } from './completion-table.ts';
import { createProgram } from './program.ts';

let folder: Awaited<ReturnType<typeof createFolder>>;
let server: FakeServer;
let env: Record<string, string>;
const entries = describeProgram(createProgram(createFakeCli(), '1.2.3'));
const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;

beforeAll(async () => {
  folder = await createFolder();
  server = await startFakeServer();
  const page = (items: unknown[]) => ({ items, nextCursor: null });
  server.onJson('GET /v1/types', page([{ type: 'http:request' }, { type: 'http:poll' }, { type: '$(touch x)' }]));
  server.onJson('GET /v1/queues', page([{ name: 'mail' }, { name: 'video' }]));
  server.onJson('GET /v1/jobs', page([makeJob()]));
  mkdirSync(join(folder.path, 'longshore'));
  const profiles = { prod: { url: server.url }, test: { url: 'http://127.0.0.1:1' } };
  writeFileSync(join(folder.path, 'longshore', 'config.json'), JSON.stringify({ profiles }), { mode: 0o600 });
  mkdirSync(join(folder.path, 'bin'));
  symlinkSync(BIN, join(folder.path, 'bin', 'longshore'));
  for (const shell of shells) writeFileSync(join(folder.path, shell), writeCompletion(shell, entries));
  const { PATH = '', ...rest } = baseEnvironment();
  env = {
    ...rest,
    PATH: [join(folder.path, 'bin'), dirname(process.execPath), PATH].join(delimiter),
    XDG_CONFIG_HOME: folder.path,
    LONGSHORE_URL: server.url,
  };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder.remove();
});

async function run(shell: string, ...args: string[]): Promise<string[]> {
  const child = new Child(shell, args, { cwd: folder.path, env });
  await child.ended;
  expect(child.stderr).toBe('');
  return child.stdout.split('\n').filter((line) => line !== '');
}

const COMPLETE_IN_BASH = `. ./bash; COMP_LINE="$1"; COMP_POINT=\${#1}; _longshore longshore
  for each in "\${COMPREPLY[@]}"; do echo "$each"; done`;
/** What each line is completed with. */
const cases: [line: string, words: string[]][] = [
  ['longshore jo', ['jobs']],
  ['longshore jobs re', ['retry']],
  ['longshore --profile prod jobs lo', ['logs']],
  ['longshore jobs list --created-', ['--created-after', '--created-before']],
  ['longshore jobs list --status c', ['completed', 'cancelled']],
  ['longshore completion ', ['bash', 'zsh', 'fish']],
  ['longshore jobs list --queue ', ['mail', 'video']],
  ['longshore jobs get ', [makeJob().id]],
  ['longshore profiles use ', ['prod', 'test']],
  ['longshore --profile p', ['prod']],
  ['longshore enqueue --tag x ht', ['http:request', 'http:poll']],
  ['longshore enqueue http:request x', []],
  ['longshore jobs list --limit ', []],
  ['longshore jobs list --url http://127.0.0.1:1 --queue ', []],
];

describe.skipIf(!has('bash'))('completion in bash', () => {
  it.each(cases)('of %j', async (line, words) => {
    // What bash has before the last ":" is a word of its own.
    const shown = words.map((word) => word.slice(word.lastIndexOf(':', line.endsWith(':') ? undefined : -1) + 1));
    expect(await run('bash', '--norc', '-c', COMPLETE_IN_BASH, 'bash', line)).toEqual(shown);
  });

  it('takes off what bash counts as an earlier word', async () => {
    const complete = (line: string) => run('bash', '--norc', '-c', COMPLETE_IN_BASH, 'bash', line);
    expect(await complete('longshore enqueue http:re')).toEqual(['request']);
    expect(await complete('longshore jobs list --type=http:')).toEqual(['request', 'poll']);
    expect(await complete('longshore jobs list --queue=m')).toEqual(['mail']);
  });

  it('completes files where a file is asked for', async () => {
    const line = 'longshore files put ba';
    expect(await run('bash', '--norc', '-c', COMPLETE_IN_BASH, 'bash', line)).toEqual(['bash']);
  });
});

describe.skipIf(!has('fish'))('completion in fish', () => {
  it.each(cases)('of %j', async (line, words) => {
    const found = await run('fish', '--no-config', '-c', 'source ./fish; complete -C $argv[1]', line);
    expect(found.map((word) => word.split('\t')[0]).sort()).toEqual([...words].sort());
  });
});

describe.skipIf(!has('zsh'))('completion in zsh', () => {
  // The widget needs a line editor; here its compadd only tells what it was given.
  const COMPLETE = `compdef() {}; . ./zsh; compadd() { shift; print -l -- $@ | grep -e "^$PREFIX" || true; }
    words=(\${(z)1}); [[ $1 == *' ' ]] && words+=(''); CURRENT=$#words; PREFIX=$words[CURRENT]; _longshore`;
  it.each(cases)('of %j', async (line, words) => {
    expect(await run('zsh', '-f', '-c', COMPLETE, 'zsh', line)).toEqual(words);
  });
});

describe('completion', () => {
  it('knows of each flag whether it takes a value, alike in all commands: fish asks without the command', () => {
    const flags = entries.flatMap((entry) =>
      entry.flags.flatMap(({ names, value }) => names.map((name) => [name, value])),
    );
    const valued = new Set(flags.filter(([, value]) => value).map(([name]) => name));
    expect(flags.filter(([name, value]) => valued.has(name) && !value)).toEqual([]);
  });

  it.each([
    ['a server that is not there', () => 'http://127.0.0.1:1'],
    ['a wrong address', () => 'nowhere'],
    ['a server that refuses', () => `${server.url}/elsewhere`],
  ])('offers nothing and says nothing with %s', async (_what, urlOf) => {
    const cli = createFakeCli({ environment: { LONGSHORE_URL: urlOf() } });
    expect(await cli.run('__complete', 'queues')).toBe(0);
    expect(cli.stdout() + cli.stderr()).toBe('');
  });

  it('offers nothing when the server is too slow', async () => {
    await using slow = await startFakeServer();
    slow.on('GET /v1/queues', () => {});
    const cli = createFakeCli({ environment: { LONGSHORE_URL: slow.url } });
    expect(await cli.run('__complete', 'queues')).toBe(0);
    expect(cli.stdout() + cli.stderr()).toBe('');
  });

  it('asks the server that the line names', async () => {
    const cli = createFakeCli({ environment: { XDG_CONFIG_HOME: folder.path } });
    await cli.run('__complete', 'queues', '--', '--profile', 'prod', 'jobs', 'list', '--queue', '');
    expect(cli.stdout()).toBe('mail\nvideo\n');
  });

  it('is not listed with the other commands', async () => {
    const cli = createFakeCli();
    await cli.run('--help');
    expect(cli.stdout()).not.toContain('__complete');
  });
});
