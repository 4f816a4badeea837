import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TransportName } from '../../src/define/queue.ts';
import { countNotes } from '../support/notes.ts';
import type { Installation } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { stepsOf } from './pipelines.ts';
import { install } from './setup.ts';

/** Writes a folder of job files: a job, and a pipeline with this code. */
function release(installation: Installation, name: string, code: string): string {
  const folder = join(installation.folder, name);
  mkdirSync(folder);
  const source = `
    import { appendFileSync, existsSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { defineJob, definePipeline, z } from 'longshore';
    export const draw = defineJob({
      type: 'shop:draw', input: z.object({ name: z.string(), note: z.string(), path: z.string() }), output: z.string(),
      run: async ({ name, note, path }, { job, signal }) => {
        appendFileSync(note, job.id + ' started\\n');
        while (name !== 'prompt' && !existsSync(path)) await sleep(20, undefined, { signal });
        return '${name}:' + name;
      },
    });
    export const poster = definePipeline({
      type: 'shop:poster', queue: 'posters', input: z.object({ note: z.string(), path: z.string() }),
      run: async ({ note, path }, { step }) => {
        const call = (name: string) => step(draw, { name, note, path }, { key: name });
        ${code}
      },
    });`;
  writeFileSync(join(folder, 'poster.ts'), source);
  return folder;
}

describe.each<TransportName>(['postgres', 'bullmq'])(
  'a deploy in the middle of a pipeline, on the %s transport',
  (transport) => {
    /** Deploys other code while the second of the old steps runs; then everything may end. */
    async function deploy(code: string) {
      const installation = await install({ transport });
      const old = release(installation, 'old', `return [await call('prompt'), await call('slow')];`);
      const note = join(installation.folder, 'note');
      const path = installation.nextGate();
      const before = await installation.start({ JOBS_DIR: old, SHUTDOWN_TIMEOUT_MS: '0' });
      const { id } = await before.enqueue('shop:poster', { note, path });
      await waitFor(() => countNotes(note, 'started') === 2, { describe: 'the second step runs' });
      await before.jobIs(id, 'waiting');
      await before.stop();
      const program = await installation.start({ JOBS_DIR: release(installation, 'next', code) });
      writeFileSync(path, '');
      const job = await program.jobEnded(id);
      return { installation, program, note, job };
    }

    it('keeps what has completed, and goes on with code that fits', async () => {
      const { installation, program, note, job } = await deploy(`
        const both = [await call('prompt'), await call('slow')];
        return [...both, await call('new')];`);
      // What the new code runs, its jobs return; what the old one has run stays as it was.
      expect(job).toMatchObject({ error: null, status: 'completed', output: ['old:prompt', 'next:slow', 'next:new'] });
      expect(await program.outcomes(job.id)).toEqual(['completed']);
      expect(await stepsOf(installation, job.id)).toEqual(['new completed', 'prompt completed', 'slow completed']);
      expect(countNotes(note, 'started')).toBe(4); // the second step was put back by the stop, and ran again
    });

    it('fails as pipeline_changed with code that does not fit, naming the step, and mixes nothing', async () => {
      const { installation, note, job } = await deploy(`
        const first = await call('prompt');
        const second = await call('between');
        return [first, second, await call('slow')];`);
      expect(job).toMatchObject({
        status: 'failed',
        reason: 'pipeline_changed',
        output: null,
        error: {
          message: expect.stringContaining('the step "slow" does not fit what was recorded: the code calls "between"'),
        },
      });
      expect((await stepsOf(installation, job.id)).map((step) => step.split(' ')[0])).toEqual(['prompt', 'slow']);
      expect(countNotes(note, 'started')).toBe(3);
    });
  },
);
