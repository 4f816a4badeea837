import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '../../src/client.ts';
import type { ExampleWorld, StartedWorld } from './example-world.ts';

/** All worlds together, with one folder for the files that examples name. */
export interface StartedWorlds {
  /** For the program that runs the examples. */
  settings: Record<string, string>;
  /** Makes with the program what examples name. Call it once, before the first {@link StartedWorlds.toReal}. */
  prepare(client: Client): Promise<void>;
  /** An example's input with real addresses and files. */
  toReal(input: unknown): unknown;
  stop(): Promise<void>;
}

/** @param folder an empty one */
export async function startWorlds(worlds: readonly ExampleWorld[], folder: string): Promise<StartedWorlds> {
  const jobsDir = join(folder, 'jobs');
  mkdirSync(jobsDir);
  const started: StartedWorld[] = [];
  const stop = async () => {
    for (const world of started.splice(0)) await world.stop();
  };
  try {
    for (const world of worlds) started.push(await world.start(folder));
  } catch (error) {
    await stop();
    throw error;
  }
  const jobFiles = started.flatMap(({ jobFiles: files = {} }) => Object.entries(files));
  for (const [name, code] of jobFiles) writeFileSync(join(jobsDir, name), code);
  const replacements: [string, string][] = started.flatMap(({ replace = {} }) => Object.entries(replace));
  return {
    settings: Object.assign({ FILE_ROOTS: folder, JOBS_DIR: jobsDir }, ...started.map(({ settings }) => settings)),
    async prepare(client) {
      for (const world of started) replacements.push(...Object.entries((await world.prepare?.(client)) ?? {}));
    },
    toReal(input) {
      const text = replacements.reduce((json, [from, to]) => json.replaceAll(from, to), JSON.stringify(input));
      return JSON.parse(text) as unknown;
    },
    stop,
  };
}
