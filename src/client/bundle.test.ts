import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** What a page loads, compressed. It was 6.5 kB when this was written; zod alone would be more than 15. */
const LIMIT_BYTES = 9_000;

async function bundle(source: string) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: pathOf('.'), loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser', // an import of node: is an error
    target: 'es2024',
    absWorkingDir: pathOf('../..'),
  });
  return { code: outputFiles[0]?.contents ?? new Uint8Array(), inputs: Object.keys(metafile.inputs) };
}

describe('the client in a browser', () => {
  it('is small, and brings nothing but its own files, the contract and a parser of events', async () => {
    const { code, inputs } = await bundle(`export * from '../client.ts'`);
    const kinds = new Set(
      inputs.map((path) => /^(?:src\/(?:client|contract|shared)|node_modules\/[^/]+)/.exec(path)?.[0]),
    );
    expect([...kinds].sort()).toEqual(
      [undefined, 'node_modules/eventsource-parser', 'src/client', 'src/contract', 'src/shared'].sort(),
    );
    expect(gzipSync(code).length).toBeLessThan(LIMIT_BYTES);
  });

  it('takes no code of the jobs whose types it knows', async () => {
    const { inputs } = await bundle(`
      import type * as jobs from '../builtin/http-request.ts';
      import { createClient } from '../client.ts';
      export const client = createClient<typeof jobs>({ url: 'http://127.0.0.1:3001' });`);
    expect(inputs.filter((path) => /zod|builtin|define/.test(path))).toEqual([]);
  });

  it('checks webhooks with what the platform has', async () => {
    const { code } = await bundle(`export { verifyWebhook } from '../client.ts'`);
    expect(new TextDecoder().decode(code)).toContain('crypto.subtle');
  });
});
