import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli } from '../../test/support/fake-cli.ts';
import { exitCodes } from './exit-codes.ts';
import { resolveSettings } from './settings.ts';

let folder: string;
let environment: Record<string, string>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-profiles-'));
  environment = { XDG_CONFIG_HOME: folder };
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = () => join(folder, 'longshore', 'config.json');
const open = (stdin?: string) => createFakeCli({ environment, ...(stdin === undefined ? {} : { stdin }) });
const add = (name: string, ...flags: string[]) => open().run('profiles', 'add', name, ...flags);

describe('profiles', () => {
  it('are kept in a file that only its owner may read', async () => {
    expect(await add('production', '--url', 'https://jobs.example.com', '--key', 'secret')).toBe(exitCodes.done);
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toEqual({
      profiles: { production: { url: 'https://jobs.example.com', key: 'secret' } },
    });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  it('take a key from standard input, so that no shell keeps it', async () => {
    await open('from-a-pipe\n').run('profiles', 'add', 'a', '--url', 'http://a', '--key', '-');
    expect(resolveSettings({ profile: 'a' }, environment)).toMatchObject({ url: 'http://a', key: 'from-a-pipe' });
  });

  it('are listed without their keys', async () => {
    await add('a', '--url', 'http://a', '--key', 'secret');
    await add('b', '--url', 'http://b');
    await open().run('profiles', 'use', 'b');
    const cli = open();
    await cli.run('profiles', 'list', '--json');
    expect(JSON.parse(cli.stdout()).items).toEqual([
      { name: 'a', url: 'http://a', hasKey: true, isCurrent: false },
      { name: 'b', url: 'http://b', hasKey: false, isCurrent: true },
    ]);
    expect(cli.stdout()).not.toContain('secret');
    const table = open();
    await table.run('profiles', 'list');
    expect(table.stdout()).toMatch(/a +http:\/\/a +yes\nb +http:\/\/b +yes/);
  });

  it('are changed and removed', async () => {
    await add('a', '--url', 'http://a', '--key', 'old');
    await add('a', '--url', 'http://b');
    await open().run('profiles', 'use', 'a');
    expect(resolveSettings({}, environment)).toMatchObject({ url: 'http://b', key: undefined });
    await open().run('profiles', 'remove', 'a');
    expect(resolveSettings({}, environment).url).toBe('http://127.0.0.1:3001');
    expect(await open().run('profiles', 'remove', 'a')).toBe(exitCodes.usage);
  });

  it.each([
    ['no address', ['a']],
    ['an address that is none', ['a', '--url', 'jobs.example.com']],
    ['a name with spaces', ['a b', '--url', 'http://a']],
  ])('refuse %s', async (_what, args) => {
    expect(await open().run('profiles', 'add', ...args)).toBe(exitCodes.usage);
  });

  it('must be known by their own names', async () => {
    await add('a', '--url', 'http://a');
    for (const verb of ['use', 'remove']) expect(await open().run('profiles', verb, 'toString')).toBe(exitCodes.usage);
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toEqual({ profiles: { a: { url: 'http://a' } } });
  });

  it('warn when others may read their keys', async () => {
    await add('a', '--url', 'http://127.0.0.1:1', '--key', 'secret');
    const [safe, unsafe] = [open(), open()];
    await safe.run('queues', '--profile', 'a');
    expect(safe.stderr()).not.toContain('warning');
    chmodSync(path(), 0o644);
    await unsafe.run('queues', '--profile', 'a');
    expect(unsafe.stderr()).toContain(`warning: others may read the keys in ${path()}; stop that with: chmod 600`);
  });

  it('say so when their file is broken', async () => {
    await add('a', '--url', 'http://a');
    writeFileSync(path(), 'no json');
    const cli = open();
    expect(await cli.run('profiles', 'list')).toBe(exitCodes.usage);
    expect(cli.stderr()).toContain(path());
  });
});

describe('the server of a command', () => {
  beforeEach(async () => {
    await add('a', '--url', 'http://a', '--key', 'key-a');
    await add('b', '--url', 'http://b', '--key', 'key-b');
    await open().run('profiles', 'use', 'a');
  });
  const resolve = (flags = {}, more: Record<string, string> = {}) => {
    const { url, key } = resolveSettings(flags, { ...environment, ...more });
    return `${url} ${key}`;
  };

  it('is that of the profile in use, where nothing else is said', () => {
    expect(resolve()).toBe('http://a key-a');
    expect(resolve({}, { LONGSHORE_PROFILE: 'b' })).toBe('http://b key-b');
    expect(resolve({}, { LONGSHORE_KEY: 'key-e' })).toBe('http://a key-e');
  });

  it('is named by flags before variables, and by variables before the profile in use', () => {
    expect(resolve({ profile: 'b' }, { LONGSHORE_URL: 'http://e', LONGSHORE_PROFILE: 'a' })).toBe('http://b key-b');
    expect(resolve({}, { LONGSHORE_URL: 'http://e', LONGSHORE_KEY: 'key-e' })).toBe('http://e key-e');
    expect(resolve({ url: 'http://f', key: 'key-f', profile: 'b' })).toBe('http://f key-f');
    expect(resolve({ key: 'key-f' })).toBe('http://a key-f');
  });

  it('never gets the key of another server', () => {
    expect(resolve({ url: 'http://f' })).toBe('http://f undefined');
    expect(resolve({}, { LONGSHORE_URL: 'http://e' })).toBe('http://e undefined');
    expect(resolve({ profile: 'b' }, { LONGSHORE_KEY: 'key-e', ADMIN_KEY: 'admin' })).toBe('http://b key-b');
    expect(resolve({}, { ADMIN_KEY: 'admin' })).toBe('http://a key-a');
  });

  it('must be of a profile that there is', () => {
    expect(() => resolve({ profile: 'c' })).toThrow('there is no profile "c"');
    expect(() => resolve({ profile: 'toString' })).toThrow('there is no profile');
  });
});
