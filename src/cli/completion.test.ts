import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli } from '../../test/support/fake-cli.ts';
import { type FakeServer, startFakeServer } from '../../test/support/fake-server.ts';
import { exitCodes } from './exit-codes.ts';

let server: FakeServer;
beforeEach(async () => {
  server = await startFakeServer();
  const page = (items: unknown[]) => ({ items, nextCursor: null });
  server.onJson('GET /v1/types', page([{ type: 'email:send' }, { type: 'email:batch' }, { type: 'http:poll' }]));
  server.onJson('GET /v1/queues', page([{ name: 'email' }, { name: 'http' }]));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

async function complete(line: string, environment: Record<string, string> = {}): Promise<string[]> {
  const cli = createFakeCli({ environment: { LONGSHORE_URL: server.url, ...environment } });
  expect(await cli.run('__complete', line)).toBe(exitCodes.done);
  expect(cli.stderr()).toBe('');
  return cli.stdout().split('\n').slice(0, -1);
}

describe('completion', () => {
  it('knows commands, their commands and their flags', async () => {
    expect(await complete('longshore que')).toEqual(['queues']);
    expect(await complete('longshore jobs ')).toEqual(expect.arrayContaining(['list', 'watch', 'delete']));
    expect(await complete('longshore --json jobs l')).toEqual(['list', 'logs']);
    expect(await complete('longshore jobs list --created')).toEqual(['--created-after', '--created-before']);
    expect(await complete('longshore jobs list --prof')).toEqual(['--profile']);
    expect(await complete('longshore completion ')).toEqual(['bash', 'zsh', 'fish']);
    expect(await complete('longshore __')).toEqual([]);
  });

  it('knows statuses, and asks the server for types and queues', async () => {
    expect(await complete('longshore jobs list --status can')).toEqual(['cancelled']);
    expect(await complete('longshore enqueue email:')).toEqual(['email:send', 'email:batch']);
    expect(await complete('longshore jobs list --type h')).toEqual(['http:poll']);
    expect(await complete('longshore jobs list --queue=e')).toEqual(['--queue=email']);
    expect(await complete(`longshore --url ${server.url} enqueue h`, { LONGSHORE_URL: '' })).toEqual(['http:poll']);
  });

  it('stays silent where the server does not answer in time, or is none', async () => {
    server.on('GET /v1/types', () => {});
    expect(await complete('longshore enqueue ')).toEqual([]);
    expect(await complete('longshore enqueue ', { LONGSHORE_URL: 'http://127.0.0.1:1' })).toEqual([]);
  });
});

const hasBash = spawnSync('bash', ['--version']).status === 0;

describe.skipIf(!hasBash)('in bash', () => {
  it('a type is completed beyond its colon, which bash takes for the end of a word', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-completion-'));
    try {
      writeFileSync(join(folder, 'longshore'), '#!/bin/sh\nprintf "email:send\\nemail:batch\\n"\n');
      chmodSync(join(folder, 'longshore'), 0o755);
      const cli = createFakeCli();
      await cli.run('completion', 'bash');
      const script = `${cli.stdout()}
        COMP_LINE='longshore enqueue email:' COMP_POINT=24 _longshore
        printf '%s\\n' "\${COMPREPLY[@]}"`;
      const env = { PATH: `${folder}${delimiter}${process.env.PATH}` };
      const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { env, encoding: 'utf8' });
      expect({ stdout, stderr }).toEqual({ stdout: 'send\nbatch\n', stderr: '' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
