import type { Client } from '../../src/client.ts';

/**
 * What the examples of some job types need around them. `test/e2e/job-examples.test.ts` starts one program for all worlds
 * and runs each example of each type through the HTTP API; `npm run bench -- catalogue` does so, too.
 */
export interface ExampleWorld {
  /** The types whose examples it serves. */
  types: readonly string[];
  /** @param folder is in FILE_ROOTS, and the folder of `jobFiles`' parent: files that examples name go there */
  start(folder: string): Promise<StartedWorld>;
}

export interface StartedWorld {
  /** Settings of the program, named as in the environment. */
  settings?: Record<string, string>;
  /** What stands in examples, and what it is replaced by: `https://shop.example.com` by the address of a real server. */
  replace?: Record<string, string>;
  /** Files for JOBS_DIR, by name. */
  jobFiles?: Record<string, string>;
  /** Makes what examples name with the program that runs them; more of what is replaced. */
  prepare?(client: Client): Promise<Record<string, string>>;
  stop(): Promise<void>;
}
