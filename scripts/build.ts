/** Compiles src to dist, as the package ships it: ES modules with type declarations, without tests; and what a page needs. */
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(join(root, 'dist'), { recursive: true, force: true });
const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(/package\.json$/, 'bin/tsc');
const { status } = spawnSync(process.execPath, [compiler, '--project', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
// The page at /docs, as files of ours: see src/api/pages/docs.ts.
const source = fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')).replace(/package\.json$/, '');
for (const file of ['swagger-ui.css', 'swagger-ui-bundle.js', 'LICENSE', 'NOTICE']) {
  cpSync(join(source, file), join(root, 'dist/api/pages/swagger-ui', file));
}
process.exitCode = status ?? 1;
