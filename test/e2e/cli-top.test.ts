import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import type { Child } from '../support/child.ts';
import { BIN, baseEnvironment, Installation, type Program } from '../support/program.ts';
import { hasPseudoTerminals, launchInTerminal } from '../support/pseudo-terminal.ts';
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
function openTop(columns = 80, rows = 24): { top: Child; readPid(): number } {
  opened += 1;
  const notePid = join(installation.folder, `top-${opened}`);
  const env = { ...baseEnvironment(), LONGSHORE_URL: program.url };
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
    const { top } = openTop(60, 12);
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

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('gives the terminal back at %s', async (signal) => {
    const { top, readPid } = openTop();
    await top.waitForOutput(/QUEUE/);
    process.kill(readPid(), signal);
    await top.ended;
    expectRestored(top, 0);
  });
});
