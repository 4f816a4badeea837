import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StepResource } from '../../src/contract/steps.ts';
import { type CliSession, openCliSession } from '../support/cli-session.ts';
import { Installation, type Program } from '../support/program.ts';

let installation: Installation;
let program: Program;
let cli: CliSession;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
  cli = openCliSession({ cwd: installation.folder, env: { LONGSHORE_URL: program.url } });
});
afterAll(() => installation?.remove());

const withoutTimes = (text: string) =>
  text
    .replaceAll(/ {2}[\d.]+ m?s\b/g, '')
    .trimEnd()
    .split('\n');

describe('longshore jobs tree', () => {
  it('draws a pipeline and its steps, and folds many of one call', async () => {
    const { id } = await program.enqueue('test:film', { scenes: 25, fails: 1 });
    await program.jobEnded(id);
    const { code, stdout } = await cli.run(['jobs', 'tree', id]);
    expect(code).toBe(0);
    expect(withoutTimes(stdout)).toEqual([
      `✔ test:film ${id}`,
      '├─ ✔ test:echo#1',
      '├─ ✔ scenes test:scenes',
      '│  └─ ✔ test:echo#1 ×25  25 completed',
      '└─ ✔ cut test:flaky  attempt 2/2',
    ]);
    expect((await cli.run(['jobs', 'tree', id, '--all'])).stdout.split('\n')).toHaveLength(30);
    expect(withoutTimes((await cli.run(['jobs', 'tree', id, '--depth', '1'])).stdout)).toHaveLength(4);
    const { document } = await cli.runJson<{ id: string; steps: StepResource[] }>('jobs', 'tree', id);
    expect(document.id).toBe(id);
    expect(document.steps[1]?.steps).toHaveLength(25);
    expect((await cli.run(['jobs', 'tree', id, '--depth', '11'])).code).toBe(2);
  });

  it('says so of a job that has no steps, or that does not exist', async () => {
    const { id } = await program.enqueue('test:echo', 1);
    await program.jobEnded(id);
    const { code, stderr } = await cli.run(['jobs', 'tree', id]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'It has no steps.\n' });
    const missing = await cli.failJson('jobs', 'tree', '01980000-0000-7000-8000-000000000001');
    expect(missing).toMatchObject({ code: 'NOT_FOUND', exitCode: 2 });
  });

  it('goes on until the pipeline has ended with --watch, and exits by its status', async () => {
    const { id } = await program.enqueue('test:film', { isAsking: true });
    const watching = cli.launch(['jobs', 'tree', id, '--watch']);
    await watching.waitForOutput(/go#1 waiting/);
    expect((await cli.run(['jobs', 'send-event', id, 'go', '--data', '{"take": 2}'])).stdout).toBe(
      `go was sent to ${id}\n`,
    );
    expect(await watching.ended).toMatchObject({ code: 0 });
    expect(watching.stdout).toContain('scenes › test:echo#1[1] completed');
    expect(watching.stdout).toContain('"answer":{"take":2}');

    const bad = await program.enqueue('test:film', { fails: 9 });
    const { code, stdout } = await cli.run(['jobs', 'tree', bad.id, '--watch']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/cut failed \(attempts_exhausted\), .*attempt 2 of 2: TypeError: no luck at attempt 2/);
    expect(stdout).toContain('failed (step_failed)');
    const lines = (await cli.run(['jobs', 'tree', bad.id, '--watch', '--json'])).stdout.trimEnd().split('\n');
    const paths = lines.map((line) => (JSON.parse(line) as { path: string[] }).path.join(' '));
    expect(paths).toEqual(['test:echo#1', 'scenes', 'scenes test:echo#1[0]', 'scenes test:echo#1[1]', 'cut']);
  });

  it('stops at Ctrl-C, and the pipeline goes on', async () => {
    const { id } = await program.enqueue('test:film', { isAsking: true });
    const watching = cli.launch(['jobs', 'tree', id, '--watch']);
    await watching.waitForOutput(/go#1 waiting/);
    await watching.stop('SIGINT');
    expect((await watching.ended).code).toBe(130);
    expect(watching.stderr).toContain(`jobs tree ${id} --watch`);
    const { document } = await cli.runJson('jobs', 'send-event', id, 'go');
    expect(document).toMatchObject({ id });
    expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', output: { answer: null } });
    expect(await cli.failJson('jobs', 'send-event', id, 'go')).toMatchObject({ code: 'JOB_TERMINAL', exitCode: 2 });
  });
});
