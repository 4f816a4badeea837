import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from '../support/child.ts';
import { runWhenOrphaned } from '../support/orphan-guard.ts';
import { BIN, baseEnvironment } from '../support/program.ts';

const TIMEOUT_MS = 180_000;
const STOP_AND_REMOVE = `
  for note in "$1"/.longshore/demo-*/.longshore/postgres/data/postmaster.pid; do
    test -e "$note" && kill -QUIT "$(head -n 1 "$note")"
  done
  rm -rf "$1"`;

describe('npm run demo', () => {
  let folder: string;
  let guard: { runNow(): Promise<void> };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-demo-'));
    guard = runWhenOrphaned(STOP_AND_REMOVE, folder);
  });
  afterAll(() => guard.runNow());

  const start = (env: Record<string, string> = {}) =>
    new Child(process.execPath, [BIN, 'demo'], { cwd: folder, env: { ...baseEnvironment(), ...env } });

  it('is the command of the next tests', () => {
    const manifest = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
    expect(JSON.parse(manifest).scripts.demo).toBe('node bin/longshore.js demo');
  });

  it(
    'runs real work on a program of its own, says what happened, and leaves nothing behind',
    async () => {
      // What is set for the reader's own program does not matter to it, and what lies here stays.
      writeFileSync(join(folder, '.env'), 'DATABASE_URL=postgres://nobody@127.0.0.1:1/none\nMODE=worker\n');
      mkdirSync(join(folder, '.longshore'));
      writeFileSync(join(folder, '.longshore/kept'), '');
      const demo = start({ PORT: '1', REDIS_URL: 'redis://127.0.0.1:1', ADMIN_KEY: 'short', FORCE_COLOR: '0' });
      expect(await demo.ended, demo.output).toEqual({ code: 0, signal: null });
      const { stdout } = demo;
      expect(demo.stderr).toBe('');
      expect(stdout).toMatch(/1\. Start the program[\s\S]*ready after .* on http:\/\/127\.0\.0\.1:\d+/);
      expect(stdout).toMatch(/2\. Enqueue two jobs[\s\S]*http:request +\S{36} +accepted after/);
      expect(stdout).toMatch(/file:process +\S{36} +accepted after/);
      expect(stdout).toMatch(/3\. Watch the work[\s\S]*\d+ %[\s\S]*✔ completed in/);
      expect(stdout).toMatch(/4\. Receive the webhook[\s\S]*job\.completed arrived, and its signature is genuine/);
      expect(stdout).toMatch(/5\. The finished job[\s\S]*status +completed[\s\S]*output +\{/);
      expect(stdout).toMatch(/What each part did[\s\S]*API[\s\S]*Queue[\s\S]*Worker[\s\S]*Webhook/);
      expect(stdout).toMatch(/Stopped the program \(SIGTERM\) and removed its data/);
      expect(readdirSync(join(folder, '.longshore'))).toEqual(['kept']);
      expect(stdout).not.toMatch(/undefined|NaN|\[object/);
    },
    TIMEOUT_MS,
  );

  it(
    'stops in order when it is interrupted',
    async () => {
      const demo = start();
      await demo.waitForOutput(/2\. Enqueue two jobs/, 60_000);
      expect(await demo.stop('SIGINT')).toEqual({ code: 130, signal: null });
      expect(demo.stderr).toContain('Interrupted');
      expect(demo.output).toMatch(/removed its data/);
      expect(readdirSync(join(folder, '.longshore'))).toEqual(['kept']);
    },
    TIMEOUT_MS,
  );
});
