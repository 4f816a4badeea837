/** All checks that need no services, at the same time. Prints one line each, and the output of what failed. */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const checks: [name: string, program: string, ...args: string[]][] = [
  ['format and lint', 'biome', 'check', '--error-on-warnings'],
  ['types', 'tsc', '--project', '.'],
  ['import rules', 'depcruise', 'src', '--config', '.dependency-cruiser.mjs'],
  ['unused code', 'knip', '--no-progress'],
  ['sources', 'node', 'scripts/check-sources.ts'],
  ['docs', 'node', 'scripts/generate-docs.ts', '--check'],
];

async function runCheck(name: string, program: string, args: string[]): Promise<boolean> {
  const startedAt = performance.now();
  const { code, output } = await execute(program, args);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${seconds.padStart(5)} s  ${name}`);
  if (code !== 0) console.log(`\n${output.trim()}\n\n  Again: npx ${program} ${args.join(' ')}\n`);
  return code === 0;
}

function execute(program: string, args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}` };
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env, shell: process.platform === 'win32' });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => resolve({ code: 1, output: `${error.message}; run \`npm ci\` first` }));
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

const results = await Promise.all(checks.map(([name, program, ...args]) => runCheck(name, program, args)));
const failed = results.filter((isGood) => !isGood).length;
if (failed > 0) console.log(`${failed} of ${checks.length} checks failed`);
process.exitCode = failed > 0 ? 1 : 0;
