import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BulkActionResource } from '../../src/contract/bulk-actions.ts';
import type { DeadLetterGroup } from '../../src/contract/dead-letters.ts';
import type { JobResource } from '../../src/contract/job.ts';
import type { Page } from '../../src/contract/list.ts';
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

async function fail(tag: string, times = 9): Promise<string> {
  const { id } = await program.enqueue('test:flaky', { times }, { attempts: 1, tags: [tag] });
  await program.jobEnded(id);
  return id;
}

describe('longshore jobs', () => {
  it('retry runs a job again with a new input, and exits with 2 when that cannot be', async () => {
    const id = await fail('one');
    expect(await cli.failJson('jobs', 'retry', id, '--input', '{"times":"x"}')).toMatchObject({
      ...{ code: 'INVALID_FIELDS', errors: [{ path: 'input.times' }], exitCode: 2 },
    });
    const { code, stdout } = await cli.run(['jobs', 'retry', id, '--input', '{"times":0}']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `queued ${id}\n` });
    expect((await program.jobEnded(id)).status).toBe('completed');
    expect(await cli.failJson('jobs', 'retry', id)).toMatchObject({
      code: 'JOB_NOT_RETRYABLE',
      status: 409,
      exitCode: 2,
    });
  });

  it('list finds jobs by their tag, text and input', async () => {
    const id = await fail('found', 8);
    await fail('found', 9);
    for (const flags of [
      ['--tag', 'found', '--where', 'times=8'],
      ['--where', 'times=8', '--search', 'FLAKY'],
    ]) {
      const { document } = await cli.runJson<Page<JobResource>>('jobs', 'list', ...flags);
      expect(document.items.map((job) => job.id)).toEqual([id]);
    }
  });
});

describe('longshore dead-letters', () => {
  it('groups, lists and retries failures of one kind, and discards those that fail again', async () => {
    const ids = [await fail('many'), await fail('many')];
    const groups = await cli.runJson<Page<DeadLetterGroup>>('dead-letters', 'groups', '--tag', 'many');
    expect(groups.document.items).toMatchObject([{ type: 'test:flaky', count: 2, newestJobId: ids[1] }]);
    const flags = ['--fingerprint', groups.document.items[0]?.fingerprint ?? '', '--tag', 'many'];
    const listed = await cli.run(['dead-letters', 'list', ...flags]);
    for (const id of ids) expect(listed.stdout).toMatch(new RegExp(`^${id} +test:flaky .* TypeError: no luck`, 'm'));

    const dryRun = await cli.run(['dead-letters', 'retry', ...flags, '--dry-run']);
    expect(dryRun.stdout).toBe('2 failed jobs would run again; nothing was done.\n');
    const retried = await cli.run(['dead-letters', 'retry', ...flags, '--wait']);
    expect(retried.code).toBe(0);
    expect(retried.stdout).toMatch(/^completed \S+ {2}2 jobs queued again\n$/);
    for (const id of ids) await program.jobEnded(id);

    const asked = await cli.run(['dead-letters', 'discard', ...flags]);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toContain('--yes');
    const { document } = await cli.runJson<BulkActionResource>('dead-letters', 'discard', ...flags, '--yes', '--wait');
    expect(document).toMatchObject({ action: 'delete', status: 'completed', changed: 2 });
    expect((await cli.run(['dead-letters', 'list', '--tag', 'many'])).stderr).toBe('No failed job matches.\n');
  });
});
