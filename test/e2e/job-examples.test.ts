import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtinJobs } from '../../src/builtin/index.ts';
import type { ExampleWorld, StartedWorld } from '../support/example-world.ts';
import { Installation, type Program } from '../support/program.ts';
import { basicsWorld } from '../support/worlds/basics.ts';
import { videoWorld } from '../support/worlds/video.ts';

const worlds: readonly ExampleWorld[] = [basicsWorld, videoWorld];
const served = worlds.flatMap(({ types }) => types);
const examples = builtinJobs
  .filter(({ type }) => served.includes(type))
  .flatMap(({ type, examples }) => examples.map(({ title, input }) => ({ type, title, input })));

describe('the examples of the built-in jobs', () => {
  let folder: string;
  let installation: Installation;
  let program: Program;
  const started: StartedWorld[] = [];
  const replacements: [string, string][] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-examples-'));
    const jobsDir = join(folder, 'jobs');
    mkdirSync(jobsDir);
    for (const world of worlds) started.push(await world.start(folder));
    for (const { jobFiles = {} } of started) {
      for (const [name, code] of Object.entries(jobFiles)) writeFileSync(join(jobsDir, name), code);
    }
    const settings = Object.assign({}, ...started.map((world) => world.settings));
    installation = await Installation.create({ settings: { FILE_ROOTS: folder, JOBS_DIR: jobsDir, ...settings } });
    program = await installation.start();
    for (const { replace = {}, prepare } of started) {
      replacements.push(...Object.entries({ ...replace, ...(await prepare?.(program)) }));
    }
  });
  afterAll(async () => {
    await installation?.remove();
    for (const world of started) await world.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it.each(examples)('$type: $title', async ({ type, input }) => {
    const text = replacements.reduce((json, [from, to]) => json.replaceAll(from, to), JSON.stringify(input));
    const { id } = await program.enqueue(type, JSON.parse(text));
    expect(await program.jobEnded(id, 50_000)).toMatchObject({ status: 'completed', error: null });
  });
});
