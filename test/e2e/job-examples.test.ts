import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtinJobs } from '../../src/builtin/index.ts';
import { createClient } from '../../src/client.ts';
import { Installation, type Program } from '../support/program.ts';
import { type StartedWorlds, startWorlds } from '../support/start-worlds.ts';
import { worlds } from '../support/worlds/worlds.ts';

const JOB_MS = 50_000;
/** Of a start, and of the jobs that worlds prepare with. */
const START_MS = 180_000;
const examples = builtinJobs.flatMap(({ type, examples }) => examples.map((example) => ({ type, ...example })));

it('has a counterpart for every built-in job', () => {
  expect(worlds.flatMap(({ types }) => types).sort()).toEqual(builtinJobs.map(({ type }) => type).sort());
});

describe('the examples of the built-in jobs', () => {
  let folder: string;
  let installation: Installation;
  let program: Program;
  let started: StartedWorlds;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-examples-'));
    started = await startWorlds(worlds, folder);
    installation = await Installation.create({ settings: started.settings });
    program = await installation.start();
    await started.prepare(createClient({ url: program.url }));
  }, START_MS);
  afterAll(async () => {
    await installation?.remove();
    await started?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(examples)('$type: $title', async ({ type, input }) => {
    const { id } = await program.enqueue(type, started.toReal(input));
    expect(await program.jobEnded(id, JOB_MS)).toMatchObject({ status: 'completed', error: null });
  });
});
