import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
import { EventStream } from '../support/event-stream.ts';
import { Installation } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';

let installation: Installation;
afterEach(() => installation?.remove());

describe('a signal', () => {
  it('lets running jobs finish, and a second one ends the program at once', async () => {
    installation = await Installation.create({ settings: { SHUTDOWN_TIMEOUT_MS: '600000' } });
    const gate = join(installation.folder, 'gate');
    const patient = await installation.start();
    const first = await patient.enqueue('test:gate', { path: gate });
    await patient.jobIs(first.id, 'processing');
    patient.signal('SIGTERM');
    await patient.waitForOutput(/SIGTERM: stopping/);
    expect(patient.hasEnded).toBe(false);
    writeFileSync(gate, '');
    expect(await patient.ended).toEqual({ code: 0, signal: null });

    const program = await installation.start();
    expect(await program.job(first.id)).toMatchObject({ status: 'completed', attempt: 1 });
    const second = await program.enqueue('test:gate', { path: join(installation.folder, 'never') });
    await program.jobIs(second.id, 'processing');
    program.signal('SIGTERM');
    await program.waitForOutput(/SIGTERM: stopping/);
    program.signal('SIGTERM');
    expect(await program.ended).toEqual({ code: 143, signal: null });
  });

  it('is obeyed during the start, and leaves no database behind', async () => {
    installation = await Installation.create({ isEmbedded: true });
    const program = installation.launch();
    await program.waitForOutput(/the embedded PostgreSQL is ready/);
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    const { DATA_DIR = '' } = installation.settings;
    expect(existsSync(join(DATA_DIR, 'postgres/data/postmaster.pid'))).toBe(false);
  });

  it('answers requests that are held with the job as it is, and ends streams', async () => {
    installation = await Installation.create();
    const program = await installation.start();
    const { id } = await program.enqueue('test:echo', 1, { delayMs: 600_000 });
    const get = program.call<JobResource>(`/v1/jobs/${id}?wait=60`);
    const post = program.call<JobResource>('/v1/jobs', {
      json: { type: 'test:echo', input: 2, options: { delayMs: 600_000 } },
      headers: { prefer: 'wait=60' },
    });
    const stream = await EventStream.open(`${program.url}/v1/jobs/${id}/events`);
    await stream.waitForEvent('job.queued');
    const count = async () => (await program.call<Page<JobResource>>('/v1/jobs')).body.items.length;
    await waitFor(async () => (await count()) === 2, { describe: 'the held POST has been accepted' });
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    expect(await get).toMatchObject({ status: 200, body: { id, status: 'scheduled' } });
    expect(await post).toMatchObject({ status: 202, body: { status: 'scheduled', input: 2 } });
    await stream.closed;
  });
});

describe('what a handler throws after its end', () => {
  it.each(['throw', 'reject'])(
    '(%s) is logged with its job, and harms neither the program nor other jobs',
    async (how) => {
      installation = await Installation.create();
      const program = await installation.start();
      const gate = join(installation.folder, 'gate');
      const other = await program.enqueue('test:gate', { path: gate });
      await program.jobIs(other.id, 'processing');
      const { id } = await program.enqueue('test:stray', how);
      expect(await program.jobEnded(id)).toMatchObject({ status: 'completed', output: 'done', error: null });
      const line = await waitFor(() => program.log.find(({ level, jobId }) => level === 'error' && jobId === id), {
        describe: 'the error is logged with the id of its job',
      });
      expect(line).toMatchObject({ type: 'test:stray', error: { message: `${how} after the end` } });
      expect(program.hasEnded).toBe(false);
      expect(await program.job(id)).toMatchObject({ status: 'completed', error: null });
      writeFileSync(gate, '');
      expect(await program.jobEnded(other.id)).toMatchObject({ status: 'completed', attempt: 1 });
    },
  );
});
