import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runSql } from '../support/postgres.ts';
import { Installation, type Program } from '../support/program.ts';
import { account, watchRecord } from './audit.ts';
import type { Call, Kind } from './load.ts';

describe('the account of a storm', () => {
  let installation: Installation;
  let api: Program;
  const calls: Call[] = [];

  beforeAll(async () => {
    installation = await Installation.create();
    api = await installation.start({ MODE: 'api' });
    await watchRecord(url());
  });
  afterAll(() => installation?.remove());
  afterEach(async () => {
    await runSql(url(), 'truncate longshore.jobs, chaos.events cascade');
    calls.length = 0;
  });

  const url = () => installation.settings.DATABASE_URL ?? '';
  const take = () => account(url(), calls, [], `${installation.folder}/note`);
  const change = (id: string, set: string) => runSql(url(), `update longshore.jobs set ${set} where id = $1`, [id]);
  const complete = (id: string) => change(id, `status = 'completed', finished_at = now(), output = '1'`);

  async function enqueue(kind: Kind): Promise<string> {
    const number = calls.length + 1;
    const input = { kind, ms: 0, note: 'note' };
    const { id } = await api.enqueue('chaos:storm', input, { metadata: { number } });
    calls.push({ number, kind, status: 202, tries: 1, id, isCancelled: false });
    return id;
  }

  it('finds nothing where every job has ended once, as it was told to', async () => {
    await complete(await enqueue('complete'));
    await change(
      await enqueue('fail'),
      `status = 'failed', reason = 'non_retryable', error = '{}', finished_at = now()`,
    );
    expect(await take()).toMatchObject({
      accepted: 2,
      completed: 1,
      failedAsDesigned: 1,
      lost: [],
      recordedTwice: [],
      wrong: [],
    });
  });

  it('names a job that has not ended, and one that is gone', async () => {
    const [open, gone] = [await enqueue('complete'), await enqueue('complete')];
    await runSql(url(), 'delete from longshore.jobs where id = $1', [gone]);
    expect((await take()).lost.sort()).toEqual([open, gone].sort());
  });

  it.each([
    ['an end that was overwritten', `output = '2'`],
    ['an end that was taken back and came again', `status = 'queued', finished_at = null, output = null`],
    ['another end', `status = 'cancelled', output = null`],
  ])('names a job that was recorded twice: %s', async (_what, set) => {
    const id = await enqueue('complete');
    await complete(id);
    await change(id, set);
    expect((await take()).recordedTwice).toEqual([id]);
  });

  it('names two jobs of one call', async () => {
    const ids = [await enqueue('complete'), await enqueue('complete')];
    await change(ids[1] ?? '', `metadata = '{"number": 1}'`);
    for (const id of ids) await complete(id);
    expect((await take()).recordedTwice.sort()).toEqual(ids.sort());
  });

  it('names a job that ended otherwise than it was told to', async () => {
    const id = await enqueue('fail');
    await complete(id);
    expect((await take()).wrong).toEqual([id]);
  });

  it('names a job that ended although it was answered that it is cancelled', async () => {
    const id = await enqueue('cancel');
    await complete(id);
    expect((await take()).wrong).toEqual([]);
    for (const call of calls) call.isCancelled = true;
    expect((await take()).wrong).toEqual([id]);
  });

  it('measures how long the job of a killed worker stood still', async () => {
    const id = await enqueue('complete');
    await change(id, `status = 'processing', started_at = now(), worker = 'host-77-x', fence = 1`);
    // A kill is timed in whole milliseconds: let the start be clearly before it.
    await runSql(url(), `update chaos.events set at = at - interval '1 minute'`);
    const kills = [{ pid: 77, at: new Date() }];
    await change(id, `status = 'queued'`);
    await change(id, `status = 'processing', worker = 'host-78-x', fence = 2`);
    const { rescues } = await account(url(), calls, kills, 'none');
    expect(rescues).toEqual([{ id, ms: expect.any(Number) }]);
    expect(rescues[0]?.ms).toBeGreaterThanOrEqual(0);
  });
});
