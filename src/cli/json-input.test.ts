import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from './exit-codes.ts';
import { parseJson, readJsonFlag } from './json-input.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-input-'));
});
afterAll(() => rm(folder, { recursive: true }));

const read = (value: string, stdin = '') =>
  readJsonFlag({ cwd: folder, readStdin: () => Promise.resolve(stdin) }, '--input', value);

describe('the input of a command', () => {
  it('is JSON, a file, or standard input', async () => {
    await writeFile(join(folder, 'input.json'), '\ufeff{"from":"a file"}\n');
    expect(await read('{"from":"the flag"}')).toEqual({ from: 'the flag' });
    expect(await read('@input.json')).toEqual({ from: 'a file' });
    expect(await read('-', '{"from":"a pipe"}')).toEqual({ from: 'a pipe' });
  });

  it('says which file is missing or broken', async () => {
    await writeFile(join(folder, 'broken.json'), '{\n  "a": 1,\n}\n');
    await expect(read('@none.json')).rejects.toThrow(`--input: there is no file ${join(folder, 'none.json')}`);
    await expect(read('@.')).rejects.toThrow('is a folder');
    await expect(read('@broken.json')).rejects.toThrow(
      'broken.json is not JSON: Expected double-quoted property name (line 3, column 1)\n  }\n  ^',
    );
  });

  it('says that it is empty', async () => {
    await expect(read('-', ' \n')).rejects.toThrow('standard input is empty');
  });
});

describe('a fault in JSON', () => {
  it.each([
    ['{a:1}', 'line 1, column 2'],
    ['{"a": bad}', 'line 1, column 7'],
    ['{"a": 1, "list": [1, 2, 3], "name": undefined, "more": true}', 'line 1, column 37'],
    ["{'a': 1}", 'line 1, column 2'],
    ['{"a":1} x', 'line 1, column 9'],
    ['{"a":', 'line 1, column 6'],
    ['[1,\n 2,\n x]', 'line 3, column 2'],
    ['"abc', 'line 1, column 5'],
    ['hello', 'line 1, column 1'],
    ['{"a":1', 'line 1, column 7'],
  ])('%j is found at %s', (text, where) => {
    expect(() => parseJson(text, '--input')).toThrow(UsageError);
    expect(() => parseJson(text, '--input')).toThrow(where);
  });

  it('is pointed at', () => {
    expect(() => parseJson('{"a": bad}', '--input')).toThrow(
      `--input is not JSON: Unexpected token 'b' (line 1, column 7)\n  {"a": bad}\n        ^`,
    );
  });
});
