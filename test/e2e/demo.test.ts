import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findFfmpeg } from '../../src/builtin/video/find-ffmpeg.ts';
import type { Child } from '../support/child.ts';
import { launchCli } from '../support/cli-process.ts';
import { findFreePort } from '../support/free-port.ts';
import { runWhenOrphaned } from '../support/orphan-guard.ts';
import { waitFor } from '../support/wait-for.ts';

const TIMEOUT_MS = 360_000;
const START_LIMIT_MS = 120_000;
const STOP_AND_REMOVE = `
  for note in "$1"/.longshore/demo-*/.longshore/postgres/data/postmaster.pid; do
    test -e "$note" && kill -QUIT "$(head -n 1 "$note")"
  done
  rm -rf "$1"`;

let folder: string;
let guard: { runNow(): Promise<void> };
let demo: Child | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longshore-demo-'));
  guard = runWhenOrphaned(STOP_AND_REMOVE, folder);
});
afterEach(async () => {
  await demo?.stop('SIGTERM'); // it stops what it has started
  await guard.runNow();
});

function startDemo(env: Record<string, string> = {}): Child {
  demo = launchCli(['demo'], { cwd: folder, env });
  return demo;
}

interface Process {
  pid: number;
  parent: number;
  command: string;
}

function listProcesses(): Process[] {
  const table = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return [...table.matchAll(/^ *(\d+) +(\d+) (.*)$/gm)].map(([, pid, parent, command = '']) => ({
    pid: Number(pid),
    parent: Number(parent),
    command,
  }));
}

const findProgram = () => listProcesses().find(({ parent, command }) => parent === demo?.pid && /start$/.test(command));

/** What the demo has left behind: processes of its folder, files, and a program that still answers. */
async function findLeftovers(): Promise<unknown[]> {
  const servers = listProcesses().filter(({ command }) => command.includes(join(folder, '.longshore')));
  const files = existsSync(join(folder, '.longshore')) ? readdirSync(join(folder, '.longshore')) : [];
  const [, url] = /ready after .* on (http:\S+)/.exec(demo?.stdout ?? '') ?? [];
  const answers =
    url === undefined
      ? []
      : await fetch(`${url}/health`).then(
          () => [url],
          () => [],
        );
  return [...servers, ...files, ...answers];
}

const video = () => join(folder, '.longshore', 'demo', 'longshore-demo.mp4');

/** The steps of the finished tree, as it is drawn. */
function readTree(stdout: string, id: string): string[] {
  const [, branches = ''] = new RegExp(`^✔ video:generate ${id} .*\n((?:[├└]─ ✔ .*\n)+)`, 'm').exec(stdout) ?? [];
  return [...branches.matchAll(/^[├└]─ ✔ (\S+)/gm)].map(([, key = '']) => key);
}

/** Whether the video is what the demo says of it, and can be played to its end. */
async function checkVideo(stdout: string): Promise<void> {
  const { stderr } = await promisify(execFile)(await findFfmpeg(undefined), [
    '-nostdin',
    '-i',
    video(),
    '-f',
    'null',
    '-',
  ]);
  expect(stderr).toMatch(/Video: h264 .*yuv420p.*1280x720/);
  const [, minutes, seconds] = /Duration: 00:(\d\d):(\d\d\.\d\d)/.exec(stderr) ?? [];
  const duration = Number(minutes) * 60 + Number(seconds);
  expect(duration).toBeGreaterThan(10);
  expect(stdout).toMatch(new RegExp(`^Play it {2}${Math.round(duration)} s, 1280×720, \\d`, 'm'));
  expect(stderr).not.toMatch(/error|invalid/i);
}

describe('longshore demo', { timeout: TIMEOUT_MS }, () => {
  it('is what npm run demo runs', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(scripts.demo).toBe('node bin/longshore.js demo');
  });

  it('makes a video whatever the settings around it are, shows the tree, and leaves nothing but the video', async () => {
    mkdirSync(join(folder, '.longshore'));
    writeFileSync(join(folder, '.longshore', 'mine'), '');
    writeFileSync(join(folder, '.env'), 'MODE=api\nADMIN_KEY=a-key-that-nobody-knows\n');
    const port = await findFreePort();
    const others = { PORT: String(port), DATABASE_URL: `postgres://a:b@127.0.0.1:${port}/x`, JOBS_DIR: 'nowhere' };
    const { ended } = startDemo({ ...others, MODE: 'worker', REDIS_URL: `redis://127.0.0.1:${port}` });
    expect(await ended, demo?.output).toEqual({ code: 0, signal: null });
    const { stdout = '', stderr } = demo as Child;
    expect(stderr).toBe('');
    const [, id = ''] = /^video:generate {2}(\S{36}) {2}accepted after /m.exec(stdout) ?? [];
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d video:clip#1\[0\] completed /m);
    expect(readTree(stdout, id)).toEqual([
      'video:script#1',
      ...['video:image#1[0]', 'video:image#1[1]', 'video:image#1[2]', 'video:image#1[3]', 'video:image#1[4]'],
      ...['video:clip#1[0]', 'video:clip#1[1]', 'video:clip#1[2]', 'video:clip#1[3]', 'video:clip#1[4]'],
      'video:merge#1',
    ]);
    expect(stdout).toMatch(/^✔ completed in /m);
    expect(stdout).toMatch(/^job\.completed arrived, and its signature is genuine$/m);
    expect(stdout).toMatch(/^\/v1\/files\/\S+\.mp4 {2}/m);
    expect(stdout).toMatch(/^Stopped the program \(SIGTERM\) and removed its data/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(video());
    expect((await findLeftovers()).sort()).toEqual(['demo', 'mine']);
    expect(readdirSync(join(folder, '.longshore', 'demo')).sort()).toEqual(
      ['mp4', 'png', 'srt'].map((ending) => `longshore-demo.${ending}`),
    );
    await checkVideo(stdout);
  });

  it('exits with 1 and says why when the program cannot start, and cleans up', async () => {
    // Only the program, not the demo, gets this far.
    const fault = `if (process.argv.includes('start')) { console.error('no luck today'); process.exit(7); }`;
    const preload = `data:text/javascript,${encodeURIComponent(fault)}`;
    expect(await startDemo({ NODE_OPTIONS: `--import=${preload}` }).ended).toEqual({ code: 1, signal: null });
    expect(demo?.stderr).toMatch(/The demo did not succeed: the program ended with exit code 7/);
    expect(demo?.stderr).toContain('no luck today');
    expect(demo?.output).not.toMatch(/^\s+at /m);
    expect(await findLeftovers()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('starts nothing without ffmpeg, and says how to install it', async () => {
    const hidden = `import { registerHooks } from 'node:module';
      registerHooks({ resolve(name, context, next) {
        if (name === '@ffmpeg-installer/ffmpeg') throw new Error('not installed');
        return next(name, context);
      } });`;
    const preload = `data:text/javascript,${encodeURIComponent(hidden)}`;
    expect(await startDemo({ PATH: folder, NODE_OPTIONS: `--import=${preload}` }).ended).toEqual({
      code: 1,
      signal: null,
    });
    expect(demo?.stderr).toMatch(/The demo did not succeed: ffmpeg was not found: install it \(.*FFMPEG_PATH/);
    expect(demo?.output).not.toMatch(/^\s+at |Start the program/m);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('exits with 1 and says why when it may not write its folder', async () => {
    writeFileSync(join(folder, '.longshore'), 'a file');
    expect(await startDemo().ended).toEqual({ code: 1, signal: null });
    expect(demo?.output).toMatch(/^The demo needs a folder that it may write: .*\.longshore/);
  });

  it('exits with 1 when the program dies half-way, and stops the database that is left', async () => {
    await startDemo().waitForOutput(/video:clip#1\[\d\] processing/, START_LIMIT_MS);
    process.kill((await waitFor(findProgram, { describe: 'the program is there' })).pid, 'SIGKILL');
    expect(await demo?.ended).toEqual({ code: 1, signal: null });
    expect(demo?.stderr).toMatch(/The demo did not succeed: the program ended with SIGKILL/);
    expect(readdirSync(folder)).toEqual([]);
    // An ffmpeg whose worker was killed makes its clip to the end.
    const isOver = async () => (await findLeftovers()).length === 0;
    await waitFor(isOver, { describe: 'nothing of it runs any more', timeoutMs: 60_000, intervalMs: 200 });
  });

  it.each([
    ['before the program is ready', /1\. Start the program/],
    ['while a clip is made', /video:clip#1\[\d\] processing/],
  ])('stops in order at Ctrl-C %s, with exit code 130', async (_when, moment) => {
    await startDemo().waitForOutput(moment, START_LIMIT_MS);
    expect(await demo?.stop('SIGINT')).toEqual({ code: 130, signal: null });
    expect(demo?.stderr).toContain('Interrupted; stopping the program');
    expect(await findLeftovers()).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});
