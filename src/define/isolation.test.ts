import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runJob } from '../testing.ts';
import { defineJob } from './job.ts';
import { createRegistry } from './registry.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-isolation-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, code: string): URL {
  writeFileSync(join(folder, name), code);
  return pathToFileURL(join(folder, name));
}

const input = z.object({ n: z.int() });

describe('a job with a handler file', () => {
  it('runs the handler that the file exports', async () => {
    const handlerFile = write('double.mjs', 'export const run = ({ n }) => n * 2;');
    const job = defineJob({ type: 'math:double', input, isolation: 'thread', handlerFile });
    expect(job).toMatchObject({ isolation: 'thread', handlerFile: handlerFile.href });
    expect((await runJob(job, { n: 4 })).output).toBe(8);
  });

  it('runs x.js where the file names x.ts and only x.js exists, as after a build', async () => {
    const built = write('built.js', 'export const run = () => "built";');
    const job = defineJob({ type: 'math:built', input, handlerFile: new URL(built.href.replace(/js$/, 'ts')) });
    expect((await runJob(job, { n: 1 })).output).toBe('built');
    expect(createRegistry([job]).definitions.has('math:built')).toBe(true);
    write('built.ts', 'export const run = () => "source";');
    expect((await runJob(job, { n: 1 })).output).toBe('source');
  });

  it('is refused by the registry when there is no such file', () => {
    const handlerFile = pathToFileURL(join(folder, 'missing.ts'));
    const job = defineJob({ type: 'math:missing', input, isolation: 'process', handlerFile });
    expect(() => createRegistry([job])).toThrow(
      expect.objectContaining({
        code: 'INVALID_DEFINITION',
        message: `job "math:missing": handlerFile ${handlerFile.href} does not exist`,
      }),
    );
  });

  it('names a file that exports no handler', async () => {
    const job = defineJob({ type: 'math:none', input, handlerFile: write('none.mjs', 'export const walk = 1;') });
    await expect(runJob(job, { n: 1 })).rejects.toMatchObject({
      code: 'INVALID_DEFINITION',
      message: expect.stringMatching(/none\.mjs must export a function "run"/),
    });
  });

  it.each([
    [{ isolation: 'thread' as const }, /isolation "thread" needs handlerFile/],
    [
      { isolation: 'fiber' as never, handlerFile: new URL('file:///a.ts') },
      /isolation is "fiber"; allowed: none, thread/,
    ],
    [{ handlerFile: new URL('file:///a.ts'), run: () => null }, /takes run or handlerFile, not both/],
    [{}, /run must be a function/],
  ])('refuses %o', (options, message) => {
    expect(() => defineJob({ type: 'a:b', input, ...options })).toThrow(message);
  });
});
