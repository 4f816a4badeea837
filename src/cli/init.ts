import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { ENV_FILE, HELLO_JOB, IGNORED, JOBS_MANIFEST, TSCONFIG } from './init-templates.ts';
import { parseJson } from './json-input.ts';

/** What happened to one file; a file that exists is never overwritten. */
export interface Step {
  path: string;
  action: 'wrote' | 'changed' | 'kept';
  note?: string;
}

export function registerInit(program: Command, cli: CliContext): void {
  program
    .command('init')
    .argument('[dir]', 'where; it is created when missing', '.')
    .description('set up a folder: a first job, .env, and a start script; what exists is kept')
    .action(async (dir: string) => {
      const folder = resolve(cli.cwd, dir);
      const steps = await initFolder(folder);
      printSteps(cli, folder, steps);
    });
}

/** @throws UsageError when the folder's package.json is not JSON, or the folder cannot be written */
export async function initFolder(folder: string): Promise<Step[]> {
  try {
    // The manifest first: when it cannot be read, nothing has been written yet.
    const manifest = await writeManifest(folder);
    return [
      await writeNew(folder, 'jobs/hello.ts', HELLO_JOB),
      ...(manifest.isModule ? [] : [await writeNew(folder, 'jobs/package.json', JOBS_MANIFEST)]),
      await writeNew(folder, '.env', ENV_FILE),
      await writeNew(folder, 'tsconfig.json', TSCONFIG),
      await addIgnored(folder),
      manifest.step,
    ];
  } catch (cause) {
    const { code, path } = cause as NodeJS.ErrnoException;
    if (code === undefined || path === undefined) throw cause;
    throw new UsageError(`${path} cannot be written (${code})`, { cause });
  }
}

async function writeNew(folder: string, path: string, content: string): Promise<Step> {
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true });
  try {
    await writeFile(target, content, { flag: 'wx' });
    return { path, action: 'wrote' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return { path, action: 'kept' };
  }
}

async function addIgnored(folder: string): Promise<Step> {
  const path = '.gitignore';
  const text = await readIfPresent(join(folder, path));
  const lines = new Set((text ?? '').split('\n').map((line) => line.trim().replace(/^\/|\/$/g, '')));
  const missing = IGNORED.filter((entry) => !lines.has(entry.replace(/\/$/, '')));
  if (missing.length === 0) return { path, action: 'kept' };
  const start = text === undefined || text === '' || text.endsWith('\n') ? (text ?? '') : `${text}\n`;
  await writeFile(join(folder, path), `${start}${missing.join('\n')}\n`);
  return { path, action: text === undefined ? 'wrote' : 'changed', note: `added ${missing.join(', ')}` };
}

async function writeManifest(folder: string): Promise<{ step: Step; isModule: boolean }> {
  const path = 'package.json';
  const text = await readIfPresent(join(folder, path));
  const known = text === undefined ? { name: packageName(folder), private: true } : parseManifest(text, path);
  const { scripts } = known as { scripts?: Record<string, string> };
  const added: string[] = [];
  const manifest: Record<string, unknown> = { ...known };
  if (manifest.type === undefined) {
    manifest.type = 'module';
    added.push('"type": "module"');
  }
  if (scripts?.start === undefined) {
    manifest.scripts = { ...scripts, start: 'longshore start' };
    added.push('the script "start"');
  }
  const isModule = manifest.type === 'module';
  if (added.length === 0) return { step: { path, action: 'kept' }, isModule };
  const indent = /^[\t ]+/m.exec(text ?? '')?.[0] ?? 2;
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, path), `${JSON.stringify(manifest, null, indent)}\n`);
  const action = text === undefined ? 'wrote' : 'changed';
  return { step: { path, action, note: `added ${added.join(' and ')}` }, isModule };
}

function parseManifest(text: string, path: string): Record<string, unknown> {
  const value = parseJson(text, path);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError(`${path} is not a JSON object`);
}

/** A folder's name as npm allows it. */
function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '');
  return name === '' ? 'jobs' : name;
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function printSteps(cli: CliContext, folder: string, steps: readonly Step[]): void {
  const { terminal } = cli;
  const { colors } = terminal;
  const paint = { wrote: colors.green, changed: colors.yellow, kept: colors.dim };
  for (const { path, action, note } of steps) {
    terminal.print(`${paint[action](action.padEnd(8))} ${path}${note ? colors.dim(`  ${note}`) : ''}`);
  }
  const place = relative(cli.cwd, folder);
  const commands = [
    ...(place === '' ? [] : [[`cd ${place}`, '']]),
    ...(isInstalled(folder) ? [] : [['npm install longshore', '']]),
    ['npx longshore start', 'keep it running, and go on in a second terminal'],
    [`npx longshore enqueue hello --input '{"name":"Ada"}'`, 'prints the id of the job'],
    ['npx longshore jobs watch <id>', 'its progress and its result'],
  ] as const;
  terminal.print('\nNext:');
  for (const [command, why] of commands) {
    terminal.print(`  ${colors.bold((command as string).padEnd(54))}${why ? colors.dim(why) : ''}`.trimEnd());
  }
}

function isInstalled(folder: string): boolean {
  if (existsSync(join(folder, 'node_modules', 'longshore', 'package.json'))) return true;
  const parent = dirname(folder);
  return parent !== folder && isInstalled(parent);
}
