import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
import { findFreePort } from '../support/free-port.ts';
import { Installation, type Program } from '../support/program.ts';

let installation: Installation;
let program: Program;
let cli: CliSession;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
  cli = openCliSession({ cwd: installation.folder, env: { LONGSHORE_URL: program.url } });
});
afterAll(() => installation?.remove());

describe('longshore', () => {
  it('writes no colours and no cursor movements into a pipe, unless FORCE_COLOR asks for colours', async () => {
    const { id } = await program.enqueue('test:flaky', { times: 9 });
    await program.jobEnded(id);
    const commands = [
      ['enqueue', 'test:talk', '--input', '{"lines":1}', '--wait'],
      ['enqueue', 'test:flaky', '--input', '{"times":1}', '--wait'],
      ['jobs', 'list'],
      ['jobs', 'get', id],
      ['jobs', 'watch', id],
      ['jobs', 'logs', id],
      ['types'],
      ['queues'],
      ['jobs', 'get', 'x'],
      ['--help'],
    ];
    for (const args of commands) {
      const { stdout, stderr } = await cli.run(args);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
      expect(stdout + stderr, args.join(' ')).not.toMatch(/[\u001b\r]/);
    }
    const coloured = await cli.run(['jobs', 'get', id], { env: { FORCE_COLOR: '1' } });
    expect(coloured.stdout).toContain('\u001b[31m');
    const plain = await cli.run(['jobs', 'get', id], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } });
    expect(plain.stdout).not.toContain('\u001b');
  });

  it('keeps what a job wrote from moving the cursor or colouring the terminal', async () => {
    const { id } = await program.enqueue('test:echo', '\u001b[2J\u001b[31mred\u001b[0m', { tags: ['\u001b[7mtag'] });
    await program.jobEnded(id);
    const { stdout } = await cli.run(['jobs', 'get', id]);
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toContain('red');
  });

  it.each([
    'enqueue test:echo',
    'enqueue test:echo --wait',
    'jobs list',
    'jobs watch 01980000-0000-7000-8000-000000000001',
    'jobs logs 01980000-0000-7000-8000-000000000001 --follow',
    'queues',
  ])('%s exits with 3 when no server answers, and says how to go on', async (command) => {
    const args = command.split(' ');
    const env = { LONGSHORE_URL: `http://127.0.0.1:${await findFreePort()}` };
    const { code, stdout, stderr } = await cli.run(args, { env });
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/^error: cannot reach http:\/\/127\.0\.0\.1:\d+: ECONNREFUSED\n {2}Is it running\?.*--url/);
    const json = await cli.run([...args, '--json'], { env });
    expect(json).toMatchObject({ code: 3, stdout: '' });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'SERVER_UNREACHABLE', exitCode: 3 } });
  });

  it('takes the address from --url before LONGSHORE_URL, before or after the command', async () => {
    const env = { LONGSHORE_URL: `http://127.0.0.1:${await findFreePort()}` };
    expect(await cli.run(['--url', program.url, 'types'], { env })).toMatchObject({ code: 0, stderr: '' });
    expect(await cli.run(['types', '--url', `${program.url}/`], { env })).toMatchObject({ code: 0, stderr: '' });
    const wrong = await cli.run(['types', '--url', 'nowhere']);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('not an http or https URL') });
  });
});

describe('longshore, where the server asks for a key', () => {
  const KEY = 'a-key-that-nobody-guesses';
  let guarded: Program;
  const runGuarded = (args: string[], env: Record<string, string> = {}) =>
    cli.run(args, { env: { LONGSHORE_URL: guarded.url, ...env } });
  beforeAll(async () => {
    guarded = await installation.start({ ADMIN_KEY: KEY });
  });

  it('gives that of --key, else of LONGSHORE_KEY, else of ADMIN_KEY', async () => {
    const args = ['enqueue', 'test:echo', '--input', '1', '--wait'];
    expect(await runGuarded([...args, '--key', KEY])).toMatchObject({ code: 0, stderr: '' });
    expect(await runGuarded(['--key', KEY, ...args], { LONGSHORE_KEY: 'wrong' })).toMatchObject({ code: 0 });
    expect(await runGuarded(args, { LONGSHORE_KEY: KEY, ADMIN_KEY: 'wrong' })).toMatchObject({ code: 0 });
    expect(await runGuarded(args, { LONGSHORE_KEY: '', ADMIN_KEY: KEY })).toMatchObject({ code: 0 });
  });

  it.each([
    ['no key', []],
    ['a wrong key', ['--key', 'not-the-right-one']],
  ])('exits with 2 with %s, says how to give one, and shows none', async (_what, flags) => {
    const { code, stdout, stderr } = await runGuarded(['jobs', 'list', ...flags]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .*\n {2}Give the key with --key or in LONGSHORE_KEY\.\n$/);
    const json = await runGuarded(['jobs', 'watch', '01980000-0000-7000-8000-000000000001', '--json', ...flags]);
    expect(json).toMatchObject({ code: 2, stdout: '' });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'UNAUTHENTICATED', status: 401, exitCode: 2 } });
    expect(stderr + json.stderr + guarded.output).not.toMatch(/not-the-right-one|nobody-guesses/);
  });
});
