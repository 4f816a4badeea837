import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFakeCli } from '../../test/support/fake-cli.ts';
import { loadEnv, readEnvFile } from '../env.ts';
import { exitCodes } from './exit-codes.ts';
import { initFolder } from './init.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-init-'));
});
afterEach(() => rm(folder, { recursive: true }));

const read = (path: string) => readFile(join(folder, path), 'utf8');
const readManifest = async () => JSON.parse(await read('package.json')) as Record<string, unknown>;
const actionsOf = (steps: Awaited<ReturnType<typeof initFolder>>) =>
  Object.fromEntries(steps.map(({ path, action }) => [path, action]));

describe('init in an empty folder', () => {
  it('writes a job, settings, and a package that starts', async () => {
    const steps = await initFolder(folder);
    expect(actionsOf(steps)).toEqual({
      'jobs/hello.ts': 'wrote',
      '.env': 'wrote',
      'tsconfig.json': 'wrote',
      '.gitignore': 'wrote',
      'package.json': 'wrote',
    });
    expect(await read('jobs/hello.ts')).toContain("import { defineJob, z } from 'longshore'");
    expect(await readManifest()).toMatchObject({
      private: true,
      type: 'module',
      scripts: { start: 'longshore start' },
    });
    expect((await read('.gitignore')).split('\n')).toEqual(['node_modules/', '.longshore/', '.env', '']);
    JSON.parse(await read('tsconfig.json'));
  });

  it('writes settings that the program accepts', async () => {
    await initFolder(folder);
    expect(loadEnv(readEnvFile(folder, {}), folder)).toMatchObject({ mode: 'all', port: 3001 });
  });

  it('writes a .env that names only settings that exist', async () => {
    await initFolder(folder);
    const source = (await read('.env')).replaceAll(/^#([A-Z_]+=)$/gm, '').replaceAll(/^#([A-Z_]+=)/gm, '$1');
    const { settings } = await import('../env-settings.ts');
    const known = Object.values(settings).map(({ name }) => name);
    const named = [...source.matchAll(/^([A-Z_]+)=/gm)].map((match) => match[1]);
    expect(named.filter((name) => !known.some((each) => each === name))).toEqual([]);
    expect(named).toContain('DATABASE_URL');
  });

  it('changes nothing the second time', async () => {
    await initFolder(folder);
    const before = await read('package.json');
    const steps = await initFolder(folder);
    expect(new Set(steps.map(({ action }) => action))).toEqual(new Set(['kept']));
    expect(await read('package.json')).toBe(before);
  });
});

describe('init in a folder that is in use', () => {
  it('keeps what is there', async () => {
    await mkdir(join(folder, 'jobs'));
    const files = { 'jobs/hello.ts': '// mine', '.env': 'PORT=4000\n', 'tsconfig.json': '{}' };
    for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
    await writeFile(join(folder, '.gitignore'), 'dist\nnode_modules');
    const manifest = {
      name: 'mine',
      scripts: { start: 'node server.js', test: 'x' },
      dependencies: { longshore: '*' },
    };
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, null, '\t'));

    const steps = await initFolder(folder);

    for (const [path, text] of Object.entries(files)) {
      expect(await read(path)).toBe(text);
      expect(actionsOf(steps)[path]).toBe('kept');
    }
    expect(await readManifest()).toEqual({ ...manifest, type: 'module' });
    expect(await read('package.json')).toContain('\n\t"name"');
    expect(await read('.gitignore')).toBe('dist\nnode_modules\n.longshore/\n.env\n');
  });

  it('leaves a CommonJS package as it is and makes only the jobs ES modules', async () => {
    await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }');
    await initFolder(folder);
    expect(await readManifest()).toMatchObject({ type: 'commonjs' });
    expect(JSON.parse(await read('jobs/package.json'))).toEqual({ type: 'module' });
  });

  it('writes nothing when package.json is broken, and says where', async () => {
    await writeFile(join(folder, 'package.json'), '{ "name": }');
    const cli = createFakeCli({ cwd: folder });
    expect(await cli.run('init')).toBe(exitCodes.usage);
    expect(cli.stderr()).toContain('package.json is not JSON');
    await expect(read('.env')).rejects.toThrow('ENOENT');
  });
});

it('tells what it did and what comes next', async () => {
  const cli = createFakeCli({ cwd: folder });
  expect(await cli.run('init', 'new')).toBe(exitCodes.done);
  const lines = cli.stdout().split('\n');
  expect(lines).toContain('wrote    jobs/hello.ts');
  expect(lines.slice(lines.indexOf('Next:') + 1).map((line) => line.trim().split(/ {2,}/)[0])).toEqual([
    'cd new',
    'npm install longshore',
    'npx longshore start',
    `npx longshore enqueue hello --input '{"name":"Ada"}'`,
    'npx longshore jobs watch <id>',
    '',
  ]);
});
