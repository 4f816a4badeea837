import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

describe.each<TransportName>(['postgres', 'bullmq'])('a database that stores nothing, on %s', (transport) => {
  const start = useHarnesses(transport);

  it.each([
    ['its disk is full', '53100'],
    ['it has become a replica', '25006'],
  ])('because %s costs no run its end: that is recorded later', async (_why, code) => {
    let runs = 0;
    const job = defineJob({ type: 'some:job', input: z.null(), run: () => ++runs });
    const harness = await start([job]);
    await harness.startWorker();
    await harness.sql(`
      create function refuse() returns trigger language plpgsql
      as $$ begin raise exception 'refused' using errcode = '${code}'; end $$`);
    await harness.sql(`
      create trigger refuse before update on longshore.jobs for each row
      when (new.finished_at is not null) execute function refuse()`);
    const { id } = await harness.enqueue(job, null);
    const waits = () => harness.lines().some(({ message }) => message.includes('a run waits to be recorded'));
    await waitFor(waits, { describe: 'the end is refused' });
    await harness.sql(`drop trigger refuse on longshore.jobs`);
    expect(await harness.ended(id)).toMatchObject({ status: 'completed', output: 1, attempt: 1, rescues: 0 });
  });
});
