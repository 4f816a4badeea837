import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// A plain node, as the program is run: vitest resolves and loads modules in its own way.
const script = `
  import { loadJobs } from ${JSON.stringify(new URL('./load-jobs.ts', import.meta.url).href)};
  import { createRegistry } from ${JSON.stringify(new URL('./registry.ts', import.meta.url).href)};
  import { NonRetryableError } from ${JSON.stringify(new URL('./errors.ts', import.meta.url).href)};
  try {
    const { definitions, services, ...named } = await loadJobs(process.argv[1], process.argv[2] === 'optional');
    const registry = createRegistry(definitions, named);
    const types = [...registry.definitions.keys()];
    const names = [...registry.queries.keys(), ...registry.connectors.keys()];
    const isOwnCopy = globalThis.seenNonRetryableError === NonRetryableError;
    console.log(JSON.stringify({ types, names, count: definitions.length, services, isOwnCopy }));
  } catch (error) {
    console.log(JSON.stringify({ code: error.code, message: error.message, cause: error.cause?.message }));
  }`;

interface Answer {
  types?: string[];
  names?: string[];
  count?: number;
  services?: Record<string, unknown>;
  isOwnCopy?: boolean;
  code?: string;
  message?: string;
  cause?: string;
}

const job = (type: string) => `
  import { defineJob, z } from 'longshore';
  export const job = defineJob({ type: '${type}', input: z.object({ a: z.string() }), run: ({ a }) => a });`;

describe('loadJobs', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-jobs-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function load(files: Record<string, string>, isOptional = false, path = folder): Promise<Answer> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    const args = ['--input-type=module', '--eval', script, path, isOptional ? 'optional' : 'required'];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    return JSON.parse(stdout) as Answer;
  }

  it('loads every job file, also of subfolders, and nothing else', async () => {
    const broken = 'throw new Error("this file must not be loaded")';
    const answer = await load({
      'b.ts': job('second:job'),
      'a.js': job('first:job'),
      'deep/er/c.mjs': job('third:job'),
      'types.d.ts': broken,
      'b.test.ts': broken,
      'b.spec.js': broken,
      'b.handler.ts': broken,
      'node_modules/x/index.js': broken,
      'notes.md': broken,
      'shared.ts': 'export const limit: number = 5; export default null;',
    });
    expect(answer).toMatchObject({ types: ['first:job', 'second:job', 'third:job'], services: {} });
  });

  it('gives job files anywhere this very program as "longshore", and they may import each other', async () => {
    const answer = await load({
      'own.ts': `
        import { NonRetryableError } from 'longshore';
        export { job } from './other.ts';
        (globalThis as { seenNonRetryableError?: unknown }).seenNonRetryableError = NonRetryableError;`,
      'other.ts': job('other:job'),
    });
    expect(answer).toMatchObject({ types: ['other:job'], count: 2, isOwnCopy: true });
  });

  it('counts a job once that one file exports under two names', async () => {
    const answer = await load({ 'a.ts': `${job('a:job')}\nexport { job as again };` });
    expect(answer).toMatchObject({ types: ['a:job'], count: 1 });
  });

  it.each([
    ['what it throws', 'throw new Error("broken on purpose");', 'broken on purpose'],
    ['a fault in its syntax', 'export const = 1;', ''],
    ['a missing import', "import './nowhere.ts';", 'nowhere.ts'],
    ['a definition that is not valid', job('no good'), 'job "no good": type must be words'],
  ])('names the path of a broken file and %s', async (_what, text, cause) => {
    const { code, message, cause: kept } = await load({ 'good.ts': job('good:job'), 'sub/broken.ts': text });
    expect(code).toBe('INVALID_DEFINITION');
    expect(message).toContain(join(folder, 'sub', 'broken.ts'));
    expect(message).toContain(cause);
    expect(kept).toContain(cause);
  });

  it('refuses a type that two files define', async () => {
    const answer = await load({ 'a.ts': job('same:job'), 'b.ts': job('same:job') });
    expect(answer).toMatchObject({ code: 'INVALID_DEFINITION', message: 'job type "same:job" is defined twice' });
  });

  it('loads queries and connectors, and refuses two of one name', async () => {
    const query = `
      import { defineConnector, defineQuery } from 'longshore';
      export const orders = defineQuery({ name: 'orders', sql: 'select 1' });
      export const shop = defineConnector({ name: 'shop', async *pages() {} });`;
    expect(await load({ 'a.ts': query })).toMatchObject({ types: [], names: ['orders', 'shop'] });
    const twice = await load({ 'a.ts': query, 'b.ts': query });
    expect(twice).toMatchObject({ code: 'INVALID_DEFINITION', message: 'query "orders" is defined twice' });
  });

  it('takes services from services.ts: an object, or a function that makes one', async () => {
    expect((await load({ 'services.ts': 'export const services = { a: 1 };' })).services).toEqual({ a: 1 });
    const made = await load({ 'services.ts': 'export async function services() { return { b: 2 }; }' });
    expect(made.services).toEqual({ b: 2 });
  });

  it.each([
    ['export const other = 1;', 'must export "services", an object or a function that returns one'],
    ['export const services = () => null;', 'must export "services"'],
    ['export const services = () => { throw new Error("no database"); };', 'services failed: no database'],
  ])('refuses a services.ts with %s', async (text, message) => {
    const answer = await load({ 'services.ts': text });
    expect(answer.code).toBe('INVALID_DEFINITION');
    expect(answer.message).toContain(join(folder, 'services.ts'));
    expect(answer.message).toContain(message);
  });

  it('takes a missing folder for "no jobs" only where it may be missing', async () => {
    const missing = join(folder, 'missing');
    expect(await load({}, true, missing)).toMatchObject({ types: [], services: {} });
    expect(await load({}, false, missing)).toMatchObject({ code: 'INVALID_DEFINITION' });
    expect((await load({}, false, missing)).message).toContain(missing);
    expect(await load({}, false)).toMatchObject({ types: [] });
  });
});
