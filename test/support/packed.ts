import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.ts';
import { baseEnvironment } from './program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LEFT_OUT = new Set(['.git', '.longshore', 'bench', 'coverage', 'dist', 'node_modules', 'test']);

/** How npm reaches its registry from here. */
const NETWORK = /^(npm_config_(registry|cache|cafile|proxy|https_proxy)|(https?|no)_proxy|node_extra_ca_certs)$/i;

/** As for {@link baseEnvironment}, with this Node first, so that npm runs its scripts on it. */
export function npmEnvironment(): Record<string, string> {
  const base = baseEnvironment();
  const network = Object.entries(process.env).flatMap(([name, value = '']) =>
    NETWORK.test(name) ? [[name, value]] : [],
  );
  const npm = { npm_config_update_notifier: 'false', npm_config_audit: 'false', npm_config_fund: 'false' };
  return { ...base, ...Object.fromEntries(network), ...npm, PATH: `${dirname(process.execPath)}:${base.PATH}` };
}

/** Runs npm to its end. @returns what it wrote to standard output @throws with all that it wrote */
export async function runNpm(cwd: string, ...args: string[]): Promise<string> {
  const child = new Child('npm', args, { cwd, env: npmEnvironment() });
  const { code } = await child.ended;
  if (code !== 0) throw new Error(`npm ${args.join(' ')} exited with ${code}:\n${child.output}`);
  return child.stdout;
}

/**
 * Packs the repository as `npm pack` does, from a copy in `folder`: the build writes, and other tests read.
 * @returns the path of the tarball
 */
export async function packRepository(folder: string): Promise<string> {
  const copy = join(folder, 'source');
  mkdirSync(copy);
  for (const name of readdirSync(ROOT)) {
    if (!LEFT_OUT.has(name)) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const output = await runNpm(copy, 'pack', '--silent', '--pack-destination', folder);
  return join(folder, output.trim().split('\n').at(-1) ?? '');
}
