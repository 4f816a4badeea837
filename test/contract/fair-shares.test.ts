import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TransportName } from '../../src/define/queue.ts';
import { defineJob } from '../../src/index.ts';
import { type Harness, useHarnesses } from '../support/harness.ts';
import { waitFor } from '../support/wait-for.ts';

const WEIGHTS = { one: 1, two: 2, five: 5 } as const;
const COUNTED = 400;
/** A window that is small beside what is counted: what it holds already is as it was filled. */
const settings = { DISPATCH_WINDOW: '16', DISPATCH_BATCH_SIZE: '50', DISPATCH_INTERVAL_MS: '50' };

describe.each<TransportName>(['postgres', 'bullmq'])('tenants that share a queue on the %s transport', (transport) => {
  const start = useHarnesses(transport);
  const started: string[] = [];
  const job = defineJob({
    type: 'shared:job',
    input: z.null(),
    concurrency: 4,
    run: (_input, ctx) => void started.push(ctx.job.tenant),
  });

  /** Many jobs of each at once, past the API: whoever looks for work sees them all, or none. */
  const fill = (harness: Harness, tenants: readonly string[], count: number) =>
    harness.sql(
      `insert into longshore.jobs (id, tenant, type, queue, status, input, max_attempts, timeout_ms)
       select uuidv7(), tenant, 'shared:job', 'shared', 'queued', 'null', 3, 60000
       from unnest($1::text[]) as t(tenant)
       cross join generate_series(1, $2)`,
      [tenants, count],
    );
  const weigh = (harness: Harness, weights: Record<string, number>) =>
    harness.sql(
      `insert into longshore.tenants (name, weight) select * from unnest($1::text[], $2::integer[])
       on conflict (name) do update set weight = excluded.weight`,
      [Object.keys(weights), Object.values(weights)],
    );

  it.each([1, 4])('get starts by their weights, within 10 %, with %i slots', async (concurrency) => {
    started.length = 0;
    const harness = await start([{ ...job, queue: { ...job.queue, concurrency } }], { settings });
    await weigh(harness, WEIGHTS);
    await fill(harness, Object.keys(WEIGHTS), COUNTED);
    await harness.startWorker();
    await waitFor(() => started.length >= COUNTED, { describe: 'enough have started', timeoutMs: 40_000 });
    const counted = started.slice(0, COUNTED);
    for (const [tenant, weight] of Object.entries(WEIGHTS)) {
      const fair = (COUNTED * weight) / 8;
      const got = counted.filter((each) => each === tenant).length;
      expect(Math.abs(got - fair) / fair, `${tenant}: ${got} of ${fair}`).toBeLessThanOrEqual(0.1);
    }
  });

  it('hears of a weight that was changed', async () => {
    started.length = 0;
    const harness = await start([job], { settings });
    await weigh(harness, { one: 1, two: 1 });
    await fill(harness, ['one', 'two'], COUNTED);
    await weigh(harness, { one: 9, two: 1 });
    await harness.startWorker();
    await waitFor(() => started.length >= 200, { describe: 'enough have started', timeoutMs: 40_000 });
    expect(started.slice(0, 200).filter((tenant) => tenant === 'one').length).toBeGreaterThanOrEqual(170);
  });

  it('a late tenant starts at once, whatever another has queued', async () => {
    started.length = 0;
    const harness = await start([job], { settings });
    await fill(harness, ['many'], 50_000);
    const worker = await harness.startWorker();
    await waitFor(() => started.length > 100, { describe: 'the backlog is being worked off' });
    const before = started.length;
    const { id } = await harness.enqueue(job, null, { tenant: 'late' });
    await harness.ended(id);
    await worker.stop();
    expect(started.indexOf('late')).toBeGreaterThanOrEqual(before);
    const claimed = await harness.sql<{ n: number }>(
      `select count(*)::integer as n from longshore.jobs
       where tenant = 'many' and started_at > (select created_at from longshore.jobs where id = $1)
         and started_at < (select started_at from longshore.jobs where id = $1)`,
      [id],
    );
    expect(claimed[0]?.n).toBeLessThan(2000); // of 50,000
  });

  it('nobody waits for tenants whose jobs cannot be taken now', async () => {
    started.length = 0;
    const harness = await start([job], { settings });
    await harness.sql(`insert into longshore.tenants (name, max_running) values ('a', 0), ('b', 0)`);
    await fill(harness, ['a', 'b', 'c'], 20);
    await harness.startWorker();
    await waitFor(() => started.length === 20, { describe: 'the others have run' });
    expect(new Set(started)).toEqual(new Set(['c']));
  });
});
