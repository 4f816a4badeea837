import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import type { Child } from '../support/child.ts';
import { findFreePort } from '../support/free-port.ts';
import { BIN, baseEnvironment, Installation, type Program } from '../support/program.ts';
import { hasPseudoTerminals, launchInTerminal, resizeTerminal } from '../support/pseudo-terminal.ts';
import { waitFor } from '../support/wait-for.ts';

const [ENTER, LEAVE] = ['\u001b[?1049h', '\u001b[?1049l'];

let installation: Installation;
let program: Program;
let opened = 0;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
});
afterAll(() => installation?.remove());

/** `longshore top` as a person starts it. */
function openTop({ columns = 80, rows = 24, url = program.url } = {}): { top: Child; readPid(): number } {
  opened += 1;
  const notePid = join(installation.folder, `top-${opened}`);
  const env = { ...baseEnvironment(), LONGSHORE_URL: url };
  const command: [string, ...string[]] = [process.execPath, BIN, 'top', '--interval', '0.2'];
  const top = launchInTerminal(command, notePid, { cwd: installation.folder, env, columns, rows });
  installation.watchOver(top);
  return { top, readPid: () => Number(readFileSync(notePid, 'utf8')) };
}

const isPaused = async (name: string) => (await createClient({ url: program.url }).queues.get(name)).isPaused;

function expectRestored({ output }: Child, code: number): void {
  expect(output.split(ENTER)).toHaveLength(2);
  expect(output.split(LEAVE)).toHaveLength(2);
  expect(stripVTControlCharacters(output.slice(output.indexOf(LEAVE))).trim()).toBe(`exit ${code}`);
}

describe.skipIf(!hasPseudoTerminals)('longshore top in a terminal', () => {
  it('pauses a queue by keys, and gives the terminal back', async () => {
    const { top } = openTop();
    await top.waitForOutput(/Queues/);
    await top.waitForOutput(/QUEUE/);
    top.type('/test\r');
    await top.waitForOutput(/with "test"/);
    top.type('p');
    await top.waitForOutput(/test is paused/);
    expect(await isPaused('test')).toBe(true);
    await top.waitForOutput(/> test +paused/); // what `p` does next follows from what is shown
    top.type('p');
    await waitFor(async () => !(await isPaused('test')), { describe: 'the queue goes on' });
    top.type('q');
    await top.ended;
    expectRestored(top, 0);
  });

  it('cancels a running job after a question', async () => {
    const { id } = await program.enqueue('test:gate', { path: installation.nextGate() });
    await program.jobIs(id, 'processing');
    const { top } = openTop({ columns: 60, rows: 12 });
    await top.waitForOutput(/QUEUE/);
    top.type('\t');
    await top.waitForOutput(/test:gate/);
    top.type('c');
    await top.waitForOutput(/Cancel test:gate/);
    top.type('y');
    expect(await program.jobEnded(id)).toMatchObject({ status: 'cancelled' });
    top.type('\u0003');
    await top.ended;
    expectRestored(top, 0);
  });

  it('follows the window, and shows a job with the end of its log', async () => {
    const path = installation.nextGate();
    const { id } = await program.enqueue('test:chat', { path });
    await program.jobIs(id, 'processing');
    const { top, readPid } = openTop();
    await top.waitForOutput(/test:chat/);
    top.type('\t\r');
    await top.waitForOutput(/before the gate/);
    const before = top.output.length;
    resizeTerminal(readPid(), { columns: 40, rows: 12 });
    const lastLine = '\u001b[12;1H\u001b[2mEsc back';
    await waitFor(() => top.output.slice(before).includes(lastLine), { describe: 'the last line is the twelfth' });
    writeFileSync(path, '');
    await top.waitForOutput(/behind the gate/);
    top.type('qq');
    await top.ended;
    expectRestored(top, 0);
  });

  it('says that the server is away, and goes on when it is back', async () => {
    const port = String(await findFreePort());
    const first = await installation.start({ PORT: port });
    const { top } = openTop({ url: first.url });
    await top.waitForOutput(/QUEUE/);
    await first.stop();
    await top.waitForOutput(/no news for \d+ s: cannot reach/);
    const before = top.output.length;
    await installation.start({ PORT: port });
    await waitFor(() => / ok {2}up /.test(stripVTControlCharacters(top.output.slice(before))), {
      describe: 'it is back',
    });
    top.type('q');
    await top.ended;
    expectRestored(top, 0);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const)('gives the terminal back at %s', async (signal) => {
    const { top, readPid } = openTop();
    await top.waitForOutput(/QUEUE/);
    process.kill(readPid(), signal);
    await top.ended;
    expectRestored(top, 0);
  });
});
