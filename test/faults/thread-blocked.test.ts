import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { isTerminal } from '../../src/contract/job.ts';
import type { HealthResource } from '../../src/contract/program.ts';
import type { TransportName } from '../../src/define/queue.ts';
import { Installation } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

const BLOCKED_MS = 60_000;
const LIMIT_MS = 110_000;

const JOBS = `
  import { defineJob, z } from 'longshore';
  export const block = defineJob({
    type: 'thread:block',
    input: z.object({ note: z.string() }),
    timeoutMs: ${2 * LIMIT_MS},
    isolation: 'thread',
    handlerFile: new URL('./block.handler.ts', import.meta.url),
  });
  export const beside = defineJob({ type: 'beside:echo', input: z.object({ n: z.int() }), run: ({ n }) => n });`;

const HANDLER = `
  import { writeFileSync } from 'node:fs';
  export function run({ note }: { note: string }) {
    writeFileSync(note, 'begun');
    const endMs = Date.now() + ${BLOCKED_MS};
    while (Date.now() < endMs);
    return 'blocked to the end';
  }`;

describe('a thread that is blocked for a minute, ten times as long as a lock lasts', () => {
  const installations: Installation[] = [];
  afterEach(async () => {
    await Promise.all(installations.splice(0).map((installation) => installation.remove()));
  });

  async function blockAThread(transport: TransportName): Promise<void> {
    const settings = { LOCK_DURATION_MS: '6000', STALLED_INTERVAL_MS: '1000' };
    const installation = await Installation.create({ transport, settings });
    installations.push(installation);
    const jobsDir = join(installation.folder, 'jobs');
    mkdirSync(jobsDir);
    writeFileSync(join(jobsDir, 'jobs.ts'), JOBS);
    writeFileSync(join(jobsDir, 'block.handler.ts'), HANDLER);
    const program = await installation.start({ JOBS_DIR: jobsDir });
    const note = join(installation.folder, 'note');
    const { id } = await program.enqueue('thread:block', { note });
    await waitFor(() => existsSync(note), { describe: 'the handler runs' });

    let beside = 0;
    for (let blocked = await program.job(id); !isTerminal(blocked.status); blocked = await program.job(id)) {
      expect(blocked).toMatchObject({ status: 'processing', attempt: 1 });
      const other = await program.enqueue('beside:echo', { n: beside });
      expect(await program.jobEnded(other.id)).toMatchObject({ status: 'completed', attempt: 1, output: beside });
      const { status, body } = await program.call<HealthResource>('/health');
      expect({ status, body }).toMatchObject({ status: 200, body: { status: 'ok' } });
      beside += 1;
    }
    expect(beside).toBeGreaterThan(0);
    expect(await program.job(id)).toMatchObject({ status: 'completed', attempt: 1, output: 'blocked to the end' });
    expect(await program.outcomes(id)).toEqual(['completed']);
  }

  it('harms no other job, no lock and no answer about health, on both transports', { timeout: LIMIT_MS }, async () => {
    await Promise.all([blockAThread('postgres'), blockAThread('bullmq')]);
  });
});
