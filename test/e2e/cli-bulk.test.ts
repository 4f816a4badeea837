import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../src/client.ts';
import { openCliSession } from '../support/cli-session.ts';
import { startLossyGateway } from '../support/lossy-gateway.ts';
import { Installation, type Program } from '../support/program.ts';

const LINES = 2500;

let installation: Installation;
let program: Program;

beforeAll(async () => {
  installation = await Installation.create();
  program = await installation.start();
});
afterAll(() => installation?.remove());

const countQueued = async () => {
  const { counts } = await createClient({ url: program.url }).stats();
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
};

it('a file is enqueued once, through lost answers and however often the command is given', async () => {
  const job = (n: number) => JSON.stringify({ type: 'test:echo', input: n, options: { delayMs: 3_600_000 } });
  const lines = Array.from({ length: LINES }, (_, n) => (n === 1500 ? '{"type": "test:unknown", "input": 1}' : job(n)));
  writeFileSync(join(installation.folder, 'jobs.ndjson'), lines.join('\n'));
  await using gateway = await startLossyGateway(program.url);
  gateway.lose('POST /v1/jobs/bulk', 'answer', 'request', 'answer');
  const cli = openCliSession({
    cwd: installation.folder,
    env: { LONGSHORE_URL: gateway.url, XDG_STATE_HOME: installation.folder },
  });

  const { code, stdout, stderr } = await cli.run(['bulk', 'jobs.ndjson']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^2499 accepted, 1 rejected in /);
  expect(stderr).toMatch(/^line 1501: type: .*\n$/);
  expect(await countQueued()).toBe(LINES - 1);

  expect((await cli.run(['bulk', 'jobs.ndjson'])).code).toBe(1);
  expect(await countQueued()).toBe(LINES - 1);
});
