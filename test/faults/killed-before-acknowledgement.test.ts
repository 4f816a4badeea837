import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JobOptionsInput } from '../../src/contract/enqueue.ts';
import { countNotes } from '../support/notes.ts';
import { runSql } from '../support/postgres.ts';
import type { Installation, Program } from '../support/program.ts';
import { waitFor } from '../support/wait-for.ts';
import { install, openQueue, receiveWebhooks, startProxy } from './setup.ts';

describe("kill -9 between the finish in PostgreSQL and BullMQ's acknowledgement", () => {
  /** Runs a job whose worker writes its end into the record and dies before BullMQ hears of it. */
  async function runUntilRecorded({
    type,
    as,
    options,
  }: {
    type: string;
    as: 'completed' | 'retrying';
    options?: JobOptionsInput;
  }): Promise<{ installation: Installation; api: Program; id: string; note: string }> {
    const installation = await install({ transport: 'bullmq' });
    const note = join(installation.folder, 'note');
    const path = installation.nextGate();
    const redis = await startProxy(installation.settings.REDIS_URL);
    const api = await installation.start({ MODE: 'api' });
    const doomed = await installation.start({
      MODE: 'worker',
      REDIS_URL: redis.route(installation.settings.REDIS_URL ?? ''),
    });
    const { id } = await api.enqueue(type, { path, note }, options);
    await waitFor(() => countNotes(note, 'started') === 1, { describe: 'the job runs' });
    redis.stall();
    writeFileSync(path, '');
    await api.jobIs(id, as);
    await doomed.stop('SIGKILL');
    return { installation, api, id, note };
  }

  it('changes nothing of what is recorded: the job is delivered again and not run again', async () => {
    const webhooks = await receiveWebhooks();
    const options: JobOptionsInput = { webhook: { url: `${webhooks.url}/hook` } };
    const { installation, api, id, note } = await runUntilRecorded({ type: 'test:gate', as: 'completed', options });
    const recorded = await api.job(id);
    const worker = await installation.start({ MODE: 'worker' });
    const { queue } = openQueue(installation, 'test');
    await waitFor(async () => !(await queue.getJob(id)), { describe: 'BullMQ holds it no more' });
    expect(await api.job(id)).toEqual(recorded);
    expect(await api.outcomes(id)).toEqual(['completed']);
    expect(countNotes(note, 'started')).toBe(1);
    // As if the minute had passed for which the dead worker may have taken the webhook to send it.
    await runSql(
      installation.settings.DATABASE_URL ?? '',
      `update longshore.webhook_deliveries set next_try_at = now() where status = 'pending'`,
    );
    expect(await webhooks.waitForRequests('/hook', 1)).toHaveLength(1);
    await worker.stop();
  });

  it('keeps a retry that BullMQ was not told of', async () => {
    const { installation, api, id, note } = await runUntilRecorded({
      type: 'test:fail-late',
      as: 'retrying',
      options: { attempts: 2, backoff: { type: 'fixed', delayMs: 2500 } },
    });
    await installation.start({ MODE: 'worker' });
    expect(await api.jobEnded(id)).toMatchObject({ status: 'completed', attempt: 2 });
    expect(await api.outcomes(id)).toEqual(['retrying', 'completed']);
    expect(countNotes(note, 'started')).toBe(2);
  });
});
